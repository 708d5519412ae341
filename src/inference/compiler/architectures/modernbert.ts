import { activationOf } from "../activation.ts";
import { attend, biasWhere, firstQuery, firstRow, paddingBias, positions, splitHeads } from "../attention.ts";
import { weightRows } from "../checkpoint.ts";
import type { ConfigReader } from "../config-reader.ts";
import { type Architecture, type EncoderContext, layerNormAt, linearAt, type NeededRows } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";
import { type RotaryTables, requirePlainRotary, rotaryTables, rotate } from "../rotary-positions.ts";
import { firstToken, meanOfTokens } from "../sentence-pooling.ts";
import { headCount } from "./bert-layers.ts";
import { labelCount } from "./label-count.ts";

/** `transformers` ModernBertForSequenceClassification and ModernBertModel. */
export const modernbert: Architecture = {
  classifiers: ["ModernBertForSequenceClassification"],
  tokenTypes: () => 0,
  hiddenSize: (config) => config.size("hidden_size", 768),
  classifierRows: (config) => (classifierPooling(config) === "cls" ? "first" : "all"),
  encode: encodeModernbert,
  classify(context, hidden) {
    const { config, graph, inputs } = context;
    const { size, epsilon, normBias } = dimensions(config);
    const pooled =
      classifierPooling(config) === "cls" ? firstToken(graph, hidden) : meanOfTokens(graph, hidden, inputs);
    const bias = config.flag("classifier_bias", false);
    const dense = linearAt(context, pooled, "head.dense", size, size, { bias, precise: true });
    const active = activationOf(config, "classifier_activation", "gelu")(graph, dense);
    const normed = layerNormAt(context, active, "head.norm", size, epsilon, { bias: normBias });
    return linearAt(context, normed, "classifier", labelCount(context, "classifier"), size, { precise: true });
  },
};

type AttentionKind = "full_attention" | "sliding_attention";

/** Where config.json names none. */
const THETA: Readonly<Record<AttentionKind, number>> = { full_attention: 160_000, sliding_attention: 10_000 };

/** What layers of one kind share. */
interface KindTables {
  readonly rotary: RotaryTables;
  readonly biases: readonly Value[];
}

function classifierPooling(config: ConfigReader): "cls" | "mean" {
  config.require("classifier_pooling", "cls", "mean");
  return config.text("classifier_pooling", "cls") === "mean" ? "mean" : "cls";
}

function dimensions(config: ConfigReader) {
  const size = config.size("hidden_size", 768);
  const heads = headCount(config, size, 12);
  return {
    size,
    heads,
    headSize: size / heads,
    intermediate: config.size("intermediate_size", 1152),
    epsilon: config.positive("norm_eps", 1e-5),
    normBias: config.flag("norm_bias", false),
  };
}

function encodeModernbert(context: EncoderContext, rows: NeededRows): Value {
  const { config, inputs, layers } = context;
  const base = { ...context, checkpoint: context.checkpoint.base("model.") };
  const { size, epsilon, normBias: bias } = dimensions(config);
  const words = base.checkpoint.weight("embeddings.tok_embeddings.weight", [config.size("vocab_size", 50_368), size]);
  let hidden = layerNormAt(base, layers.lookUp(words, inputs.ids), "embeddings.norm", size, epsilon, { bias });
  const tables = kindTables(base);
  const kinds = layerKinds(config);
  for (const [index, kind] of kinds.entries()) {
    const onlyFirst = rows === "first" && index === kinds.length - 1;
    hidden = encodeLayer(base, index, tables[kind], hidden, onlyFirst);
  }
  return layerNormAt(base, hidden, "final_norm", size, epsilon, { bias });
}

function encodeLayer(context: EncoderContext, index: number, tables: KindTables, x: Value, onlyFirst: boolean): Value {
  const { config, graph } = context;
  const { size, epsilon, normBias: bias } = dimensions(config);
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
  const { size, heads, headSize } = dimensions(config);
  const bias = config.flag("attention_bias", false);
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
  const { size, intermediate } = dimensions(config);
  const bias = config.flag("mlp_bias", false);
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

function layerKinds(config: ConfigReader): AttentionKind[] {
  const layers = config.size("num_hidden_layers", 22);
  const listed = config.texts("layer_types");
  if (listed === undefined) {
    const every = config.size("global_attn_every_n_layers", 3);
    return Array.from({ length: layers }, (_, index) => (index % every === 0 ? "full_attention" : "sliding_attention"));
  }
  if (listed.length !== layers || !listed.every((kind) => kind === "full_attention" || kind === "sliding_attention")) {
    throw config.unsupported("layer_types", `${layers} of full_attention or sliding_attention are needed`);
  }
  return listed as AttentionKind[];
}

function kindTables({ config, graph, inputs }: EncoderContext): Record<AttentionKind, KindTables> {
  config.require("rope_scaling");
  const { headSize } = dimensions(config);
  const order = positions(graph, inputs.ids);
  const padding = inputs.mask === undefined ? [] : [paddingBias(graph, inputs.mask)];
  const window = windowBias(config, graph, order);
  const local = padding[0] === undefined ? window : graph.apply("Add", [window, padding[0]]);
  return {
    full_attention: {
      rotary: rotaryTables(graph, order, headSize, theta(config, "full_attention")),
      biases: padding,
    },
    sliding_attention: {
      rotary: rotaryTables(graph, order, headSize, theta(config, "sliding_attention")),
      biases: [local],
    },
  };
}

/** Newer versions of `transformers` write `rope_parameters`, older ones a field for each kind, and null for the other's. */
function theta(config: ConfigReader, kind: AttentionKind): number {
  const parameters = config.section("rope_parameters")?.section(kind);
  if (parameters !== undefined) {
    requirePlainRotary(parameters);
    return parameters.positive("rope_theta", THETA[kind]);
  }
  const isGlobal = kind === "full_attention" || config.isNull("local_rope_theta");
  return isGlobal
    ? config.positive("global_rope_theta", THETA.full_attention)
    : config.positive("local_rope_theta", THETA.sliding_attention);
}

/** `[1, 1, sequence, sequence]`: keys at most half of `local_attention` away. */
function windowBias(config: ConfigReader, graph: EncoderContext["graph"], order: Value): Value {
  const reach = Math.floor(config.size("local_attention", 128) / 2);
  const distance = graph.apply("Sub", [graph.apply("Unsqueeze", [order, graph.integers(1)]), order]);
  const near = graph.apply("LessOrEqual", [graph.apply("Abs", [distance]), graph.integer(reach)]);
  return graph.apply("Unsqueeze", [biasWhere(graph, near), graph.integers(0, 1)]);
}
