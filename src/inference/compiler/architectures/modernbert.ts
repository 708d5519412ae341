import { activationOf } from "../activation.ts";
import { attend, biasWhere, firstQuery, firstRow, paddingBias, positions, splitHeads } from "../attention.ts";
import { weightRows } from "../checkpoint.ts";
import type { ConfigReader } from "../config-reader.ts";
import { type Architecture, type EncoderContext, layerNormAt, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { type RotaryTables, rotaryTables, rotate } from "../rotary-positions.ts";
import { firstToken, meanOfTokens } from "../sentence-pooling.ts";
import { labelCount } from "./label-count.ts";
import {
  type AttentionKind,
  modernbertDimensions,
  modernbertLayerKinds,
  modernbertPooling,
  modernbertReach,
  modernbertTheta,
} from "./modernbert-sizes.ts";

/** `transformers` ModernBertForSequenceClassification and ModernBertModel. */
export const modernbert: Architecture = {
  classifiers: ["ModernBertForSequenceClassification"],
  tokenTypes: () => 0,
  hiddenSize: (config) => config.size("hidden_size", 768),
  classifierRows: (config) => (modernbertPooling(config) === "cls" ? "first" : "all"),
  encode: encodeModernbert,
  classify(context, hidden) {
    const { config, graph, inputs } = context;
    const { size, epsilon, normBias } = modernbertDimensions(config);
    const pooled =
      modernbertPooling(config) === "cls" ? firstToken(graph, hidden) : meanOfTokens(graph, hidden, inputs);
    const bias = config.flag("classifier_bias", false);
    const dense = linearAt(context, pooled, "head.dense", size, size, { bias, precise: true });
    const active = activationOf(config, "classifier_activation", "gelu")(graph, dense);
    const normed = layerNormAt(context, active, "head.norm", size, epsilon, { bias: normBias });
    return linearAt(context, normed, "classifier", labelCount(context, "classifier"), size, { precise: true });
  },
};

/** What layers of one kind share. */
interface KindTables {
  readonly rotary: RotaryTables;
  readonly biases: readonly Value[];
}

function encodeModernbert(context: EncoderContext, rows: NeededRows): Value {
  const { config, inputs, layers } = context;
  const base = { ...context, checkpoint: context.checkpoint.base("model.") };
  const { size, vocabulary, epsilon, normBias: bias } = modernbertDimensions(config);
  const words = base.checkpoint.weight("embeddings.tok_embeddings.weight", [vocabulary, size]);
  let hidden = layerNormAt(base, layers.lookUp(words, inputs.ids), "embeddings.norm", size, epsilon, { bias });
  const tables = kindTables(base);
  const kinds = modernbertLayerKinds(config);
  for (const [index, kind] of kinds.entries()) {
    const onlyFirst = rows === "first" && index === kinds.length - 1;
    hidden = encodeLayer(base, index, tables[kind], hidden, onlyFirst);
  }
  return layerNormAt(base, hidden, "final_norm", size, epsilon, { bias });
}

function encodeLayer(context: EncoderContext, index: number, tables: KindTables, x: Value, onlyFirst: boolean): Value {
  const { config, graph } = context;
  const { size, epsilon, normBias: bias } = modernbertDimensions(config);
  const prefix = `layers.${index}.`;
  // The first layer's input is normalised already, by the embeddings.
  const normed = index === 0 ? x : layerNormAt(context, x, `${prefix}attn_norm`, size, epsilon, { bias });
  const attended = selfAttention(context, prefix, tables, normed, onlyFirst);
  const residual = onlyFirst ? firstRow(graph, x) : x;
  const middle = graph.apply("Add", [residual, attended]);
  const fed = feedForward(context, prefix, layerNormAt(context, middle, `${prefix}mlp_norm`, size, epsilon, { bias }));
  return graph.apply("Add", [middle, fed]);
}

function selfAttention(
  context: EncoderContext,
  prefix: string,
  tables: KindTables,
  x: Value,
  onlyFirst: boolean,
): Value {
  const { config, checkpoint, graph, layers } = context;
  const { size, heads, headSize, attentionBias: bias } = modernbertDimensions(config);
  const weight = checkpoint.weight(`${prefix}attn.Wqkv.weight`, [3 * size, size]);
  const shift = bias ? checkpoint.weight(`${prefix}attn.Wqkv.bias`, [3 * size]) : undefined;
  const project = (from: Value, part: number) => {
    const [begin, end] = [part * size, (part + 1) * size];
    const partShift = shift === undefined ? undefined : weightRows(shift, begin, end);
    return splitHeads(graph, layers.linear(from, weightRows(weight, begin, end), partShift), heads, headSize);
  };
  // Position 0 is turned by no angle.
  const query = onlyFirst ? project(firstRow(graph, x), 0) : rotate(graph, project(x, 0), tables.rotary);
  const key = graph.apply("Transpose", [rotate(graph, project(x, 1), tables.rotary)], { perm: [0, 1, 3, 2] });
  const biases = onlyFirst ? tables.biases.map((each) => firstQuery(graph, each)) : tables.biases;
  const attended = attend(graph, { query, key, value: project(x, 2), scale: headSize ** -0.5, biases });
  return linearAt(context, attended, `${prefix}attn.Wo`, size, size, { bias });
}

/** GeGLU: one half of the widened row, through the activation, gates the other. */
function feedForward(context: EncoderContext, prefix: string, x: Value): Value {
  const { config, checkpoint, graph, layers } = context;
  const { size, intermediate, feedForwardBias: bias } = modernbertDimensions(config);
  const weight = checkpoint.weight(`${prefix}mlp.Wi.weight`, [2 * intermediate, size]);
  const shift = bias ? checkpoint.weight(`${prefix}mlp.Wi.bias`, [2 * intermediate]) : undefined;
  const half = (part: number) => {
    const [begin, end] = [part * intermediate, (part + 1) * intermediate];
    return layers.linear(
      x,
      weightRows(weight, begin, end),
      shift === undefined ? undefined : weightRows(shift, begin, end),
    );
  };
  const active = activationOf(config, "hidden_activation", "gelu")(graph, half(0));
  const gated = graph.apply("Mul", [active, half(1)]);
  return linearAt(context, gated, `${prefix}mlp.Wo`, size, intermediate, { bias });
}

function kindTables({ config, graph, inputs }: EncoderContext): Record<AttentionKind, KindTables> {
  const { headSize } = modernbertDimensions(config);
  const order = positions(graph, inputs.ids);
  const padding = inputs.mask === undefined ? [] : [paddingBias(graph, inputs.mask)];
  const window = windowBias(config, graph, order);
  const local = padding[0] === undefined ? window : graph.apply("Add", [window, padding[0]]);
  return {
    full_attention: {
      rotary: rotaryTables(graph, order, headSize, modernbertTheta(config, "full_attention")),
      biases: padding,
    },
    sliding_attention: {
      rotary: rotaryTables(graph, order, headSize, modernbertTheta(config, "sliding_attention")),
      biases: [local],
    },
  };
}

/** `[1, 1, sequence, sequence]`: keys at most half of `local_attention` away. */
function windowBias(config: ConfigReader, graph: EncoderContext["graph"], order: Value): Value {
  const distance = graph.apply("Sub", [graph.apply("Unsqueeze", [order, graph.integers(1)]), order]);
  const near = graph.apply("LessOrEqual", [graph.apply("Abs", [distance]), graph.integer(modernbertReach(config))]);
  return graph.apply("Unsqueeze", [biasWhere(graph, near), graph.integers(0, 1)]);
}
