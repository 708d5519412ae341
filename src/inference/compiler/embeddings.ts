import { sequenceLength } from "./attention.ts";
import { type EncoderContext, layerNormAt } from "./encoder-context.ts";
import type { Value } from "./graph-writer.ts";

export interface EmbeddingShape {
  readonly vocabulary: number;
  /** 0 when the model has no table of positions. */
  readonly positions: number;
  readonly size: number;
  /** 0 when the model has no table of token types. */
  readonly tokenTypes: number;
  /** Where the tables are: `embeddings.` */
  readonly prefix: string;
  /** The row of each position: 0, 1, 2, … or, as RoBERTa counts, from the padding's id on and skipping padding. */
  readonly positionScheme: "sequential" | { readonly paddingId: number };
}

/** Words, positions and token types, added and normalised: `[batch, sequence, size]`. */
export function embedTokens(context: EncoderContext, shape: EmbeddingShape & { epsilon: number }): Value {
  return layerNormAt(context, addEmbeddings(context, shape), `${shape.prefix}LayerNorm`, shape.size, shape.epsilon);
}

/** The same sum, not normalised. */
export function addEmbeddings(context: EncoderContext, shape: EmbeddingShape): Value {
  const { checkpoint, graph, inputs, layers } = context;
  const { prefix, size } = shape;
  const words = checkpoint.weight(`${prefix}word_embeddings.weight`, [shape.vocabulary, size]);
  let sum = layers.lookUp(words, inputs.ids);
  if (shape.tokenTypes > 0) {
    const table = layers.table(checkpoint.weight(`${prefix}token_type_embeddings.weight`, [shape.tokenTypes, size]));
    // Without the input every token has type 0, as in the reference.
    const rows = inputs.tokenTypes ?? graph.integer(0);
    sum = graph.apply("Add", [sum, graph.apply("Gather", [table, rows])]);
  }
  return shape.positions > 0 ? graph.apply("Add", [sum, positionRows(context, shape)]) : sum;
}

function positionRows({ checkpoint, graph, inputs, layers }: EncoderContext, shape: EmbeddingShape): Value {
  const weight = checkpoint.weight(`${shape.prefix}position_embeddings.weight`, [shape.positions, shape.size]);
  if (shape.positionScheme === "sequential") {
    const length = graph.apply("Unsqueeze", [sequenceLength(graph, inputs.ids), graph.integers(0)]);
    return graph.apply("Slice", [layers.table(weight), graph.integers(0), length, graph.integers(0)]);
  }
  const padding = graph.integer(shape.positionScheme.paddingId);
  const isPadding = graph.apply("Equal", [inputs.ids, padding]);
  const counts = graph.apply("Cast", [graph.apply("Not", [isPadding])], { to: 7 });
  const order = graph.apply("Mul", [graph.apply("CumSum", [counts, graph.integer(1)]), counts]);
  return graph.apply("Gather", [layers.table(weight), graph.apply("Add", [order, padding])]);
}
