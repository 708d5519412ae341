import { PgVectorDBError } from "../../../errors.ts";
import { activationOf } from "../activation.ts";
import { biasWhere, mergeHeads, paddingBias, positions, sequenceLength, splitHeads } from "../attention.ts";
import { type Weight, weightRows } from "../checkpoint.ts";
import type { ConfigReader } from "../config-reader.ts";
import { type Architecture, type EncoderContext, linearAt, type NeededRows } from "../encoder-context.ts";
import type { GraphWriter, Value } from "../graph-writer.ts";
import { rmsNorm } from "../rms-norm.ts";
import { type RotaryTables, requirePlainRotary, rotaryTables, rotate } from "../rotary-positions.ts";
import { firstToken } from "../sentence-pooling.ts";
import { SharedPrefix } from "../shared-prefix.ts";
import { labelCount } from "./label-count.ts";

/** What one generation of Qwen has that another does not. */
export interface QwenTraits {
  /** `Qwen2` or `Qwen3`, as the classes of `transformers` begin. */
  readonly name: string;
  /** Whether every head's query and key are normalised. */
  readonly headNorms: boolean;
  /** Which projections of the attention have a bias. */
  biases(config: ConfigReader): { readonly input: boolean; readonly output: boolean };
  /** The length of a head where config.json names none. */
  headSize(hiddenSize: number, heads: number): number;
}

/**
 * `transformers` Qwen2 and Qwen3: the language model scored by its answers, the classifier, and the model without a head.
 * Padding comes after the text: a token then never sees it, and the text's last token is the one whose row counts.
 */
export function qwenDecoder(traits: QwenTraits): Architecture {
  const classifier = `${traits.name}ForSequenceClassification`;
  return {
    classifiers: [`${traits.name}ForCausalLM`, classifier],
    tokenTypes: () => 0,
    hiddenSize: (config) => config.size("hidden_size", 4096),
    classifierRows: () => "last",
    encode: (context, rows) => encodeDecoder({ ...context, dimensions: dimensions(context.config, traits) }, rows),
    sharedPrefix({ config, graph }) {
      const { groups, headSize } = dimensions(config, traits);
      return new SharedPrefix(graph, groups, headSize);
    },
    classify(context, hidden) {
      const { config, graph, layers } = context;
      const size = config.size("hidden_size", 4096);
      const last = firstToken(graph, hidden);
      if (config.texts("architectures")?.includes(classifier)) {
        return linearAt(context, last, "score", labelCount(context, "score"), size, { bias: false, precise: true });
      }
      return layers.preciseLinear(last, answerRows(context, size));
    },
  };
}

interface Dimensions {
  readonly size: number;
  readonly heads: number;
  readonly groups: number;
  readonly headSize: number;
  readonly headNorms: boolean;
  readonly epsilon: number;
  readonly biases: ReturnType<QwenTraits["biases"]>;
}

interface DecoderContext extends EncoderContext {
  readonly dimensions: Dimensions;
}

/** What all layers share. Keys are those of the prefix, where there is one, and of the sequence behind it. */
interface SharedTables {
  readonly rotary: RotaryTables;
  /** 0 where a key is not after the query: `[1, 1, sequence, keys]`. */
  readonly causal: Value;
  readonly padding: readonly Value[];
  /** The last token's place in each text behind the prefix, `[batch, 1]`. */
  readonly last: Value;
  /** `[0, heads, -1, keys]` */
  readonly scoreShape: Value;
}

function dimensions(config: ConfigReader, traits: QwenTraits): Dimensions {
  const heads = config.size("num_attention_heads", 32);
  const groups = config.size("num_key_value_heads", 32);
  if (heads % groups !== 0)
    throw config.unsupported("num_key_value_heads", `it does not divide \`num_attention_heads\` (${heads})`);
  const size = config.size("hidden_size", 4096);
  return {
    size,
    heads,
    groups,
    headSize: config.size("head_dim", traits.headSize(size, heads)),
    headNorms: traits.headNorms,
    epsilon: config.positive("rms_norm_eps", 1e-6),
    biases: traits.biases(config),
  };
}

/** The rows of the output matrix that score the answers. */
function answerRows({ config, checkpoint, answerTokens }: EncoderContext, size: number): Weight {
  if (answerTokens === undefined) {
    throw new PgVectorDBError("invalid_argument", "`answerTokens` is needed: the ids of the tokens that answer.");
  }
  const vocabulary = config.size("vocab_size", 151_936);
  if (answerTokens.some((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary)) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`answerTokens\` must be ids below ${vocabulary}, the model's vocabulary.`,
    );
  }
  const words = checkpoint.base("model.");
  const matrix = checkpoint.has("lm_head.weight")
    ? checkpoint.weight("lm_head.weight", [vocabulary, size])
    : words.weight("embed_tokens.weight", [vocabulary, size]);
  const rows = answerTokens.map((id) => weightRows(matrix, id, id + 1));
  return {
    name: `${matrix.name}[${answerTokens}]`,
    shape: [rows.length, size],
    readRows: async () =>
      Float32Array.from((await Promise.all(rows.map((row) => row.readRows()))).flatMap((row) => [...row])),
  };
}

function encodeDecoder(context: DecoderContext, rows: NeededRows): Value {
  const { config, dimensions, inputs, layers } = context;
  const layerCount = config.size("num_hidden_layers", 32);
  config.require("use_sliding_window", false);
  if (config.texts("layer_types")?.some((kind) => kind !== "full_attention")) {
    throw config.unsupported("layer_types", "only full_attention is compiled");
  }
  const base = { ...context, checkpoint: context.checkpoint.base("model.") };
  const { size, epsilon } = dimensions;
  const words = base.checkpoint.weight("embed_tokens.weight", [config.size("vocab_size", 151_936), size]);
  const tables = sharedTables(base);
  let hidden = layers.lookUp(words, inputs.ids);
  for (let index = 0; index < layerCount; index++) {
    const onlyLast = rows === "last" && index === layerCount - 1;
    hidden = encodeLayer(base, `layers.${index}.`, tables, hidden, onlyLast);
  }
  return rmsNorm(base, hidden, "norm", size, epsilon);
}

function sharedTables({ config, dimensions, graph, inputs, prefix }: DecoderContext): SharedTables {
  const { heads, headSize } = dimensions;
  const before = prefix?.length ?? graph.integer(0);
  const own = sequenceLength(graph, inputs.ids);
  const keys = graph.apply("Add", [own, before]);
  const order = graph.apply("Add", [positions(graph, inputs.ids), before]);
  const keyOrder = graph.apply("Range", [graph.integer(0), keys, graph.integer(1)]);
  const past = graph.apply("LessOrEqual", [keyOrder, graph.apply("Unsqueeze", [order, graph.integers(1)])]);
  const length = (value: Value) => graph.apply("Unsqueeze", [value, graph.integers(0)]);
  return {
    rotary: rotaryTables(graph, order, headSize, theta(config)),
    causal: graph.apply("Unsqueeze", [biasWhere(graph, past), graph.integers(0, 1)]),
    padding: inputs.mask === undefined ? [] : [paddingBias(graph, prefix?.widen(inputs.mask) ?? inputs.mask)],
    last: lastPositions(graph, inputs.ids, inputs.mask, length(own)),
    scoreShape: graph.apply("Concat", [graph.integers(0, heads, -1), length(keys)], { axis: 0 }),
  };
}

function lastPositions(graph: GraphWriter, ids: Value, mask: Value | undefined, length: Value): Value {
  if (mask !== undefined) {
    const counts = graph.apply("ReduceSum", [mask, graph.integers(1)], { keepdims: 1 });
    return graph.apply("Sub", [counts, graph.integer(1)]);
  }
  const batch = graph.apply("Slice", [graph.apply("Shape", [ids]), graph.integers(0), graph.integers(1)]);
  const shape = graph.apply("Concat", [batch, graph.integers(1)], { axis: 0 });
  return graph.apply("Expand", [graph.apply("Sub", [length, graph.integer(1)]), shape]);
}

function theta(config: ConfigReader): number {
  config.require("rope_scaling");
  const parameters = config.section("rope_parameters");
  if (parameters === undefined) return config.positive("rope_theta", 10_000);
  requirePlainRotary(parameters);
  return parameters.positive("rope_theta", config.positive("rope_theta", 10_000));
}

function encodeLayer(
  context: DecoderContext,
  prefix: string,
  tables: SharedTables,
  x: Value,
  onlyLast: boolean,
): Value {
  const { config, graph } = context;
  const { size, epsilon } = context.dimensions;
  const normed = rmsNorm(context, x, `${prefix}input_layernorm`, size, epsilon);
  const attended = selfAttention(context, `${prefix}self_attn.`, tables, normed, onlyLast);
  const middle = graph.apply("Add", [onlyLast ? lastRow(graph, x, tables.last) : x, attended]);
  const ready = rmsNorm(context, middle, `${prefix}post_attention_layernorm`, size, epsilon);
  const wide = config.size("intermediate_size", 22_016);
  const project = (name: string) => linearAt(context, ready, `${prefix}mlp.${name}`, wide, size, { bias: false });
  const active = activationOf(config, "hidden_act", "silu")(graph, project("gate_proj"));
  const gated = graph.apply("Mul", [active, project("up_proj")]);
  return graph.apply("Add", [middle, linearAt(context, gated, `${prefix}mlp.down_proj`, size, wide, { bias: false })]);
}

/** Attention in which `heads / groups` neighbouring queries share one key and value, without copying these. */
function selfAttention(
  context: DecoderContext,
  prefix: string,
  tables: SharedTables,
  x: Value,
  onlyLast: boolean,
): Value {
  const { graph } = context;
  const { size, heads, groups, headSize, headNorms, epsilon, biases } = context.dimensions;
  const project = (from: Value, name: string, count: number) =>
    splitHeads(
      graph,
      linearAt(context, from, `${prefix}${name}_proj`, count * headSize, size, { bias: biases.input }),
      count,
      headSize,
    );
  const normed = (value: Value, name: string) =>
    headNorms ? rmsNorm(context, value, `${prefix}${name}_norm`, headSize, epsilon) : value;

  const position = onlyLast ? tables.last : undefined;
  const asking = onlyLast ? lastRow(graph, x, tables.last) : x;
  const query = rotate(graph, normed(project(asking, "q", heads), "q"), tables.rotary, position);
  const ownKeys = rotate(graph, normed(project(x, "k", groups), "k"), tables.rotary);
  const own = { keys: ownKeys, values: project(x, "v", groups) };
  const { keys, values } = context.prefix?.before(own) ?? own;
  const grouped = graph.apply("Reshape", [query, graph.integers(0, groups, -1, headSize)]);
  const product = graph.apply("MatMul", [grouped, graph.apply("Transpose", [keys], { perm: [0, 1, 3, 2] })]);
  let scores = graph.apply("Mul", [
    graph.apply("Reshape", [product, tables.scoreShape]),
    graph.number(headSize ** -0.5),
  ]);
  for (const each of onlyLast ? tables.padding : [tables.causal]) scores = graph.apply("Add", [scores, each]);
  const weights = graph.apply("Softmax", [scores], { axis: -1 });
  const regrouped = graph.apply("Concat", [graph.integers(0, groups, -1), lastLength(graph, tables)], { axis: 0 });
  const context4d = graph.apply("MatMul", [graph.apply("Reshape", [weights, regrouped]), values]);
  const perHead = graph.apply("Reshape", [context4d, graph.integers(0, heads, -1, headSize)]);
  return linearAt(context, mergeHeads(graph, perHead), `${prefix}o_proj`, size, heads * headSize, {
    bias: biases.output,
  });
}

function lastLength(graph: GraphWriter, { scoreShape }: SharedTables): Value {
  return graph.apply("Slice", [scoreShape, graph.integers(3), graph.integers(4)]);
}

/** `[batch, sequence, hidden]` at one position of each text: `[batch, 1, hidden]`. */
function lastRow(graph: GraphWriter, x: Value, last: Value): Value {
  return graph.apply("Unsqueeze", [graph.apply("GatherND", [x, last], { batch_dims: 1 }), graph.integers(1)]);
}
