import { sequenceLength } from "./attention.ts";
import { type EncoderContext, layerNormAt, linearAt } from "./encoder-context.ts";
import type { GraphWriter, Value } from "./graph-writer.ts";
import { distanceBucket } from "./log-buckets.ts";

/** Distances up to here are in the table; the reference has no limit, DeBERTa's texts have 512 tokens. */
const MAX_DISTANCE = 4096;

/** What all layers of a DeBERTa share (He et al., https://arxiv.org/abs/2006.03654, section 3). */
export interface DisentangledTables {
  readonly size: number;
  readonly heads: number;
  readonly headSize: number;
  readonly scale: number;
  readonly contentToPosition: boolean;
  readonly positionToContent: boolean;
  readonly sharedKeys: boolean;
  /** `[2 · span, hidden]`; undefined when the model has no relative positions. */
  readonly embeddings: Value | undefined;
  /** The table's row for each distance from `sequence` down to `1 - sequence`: `[2 · sequence]`. */
  readonly falling: Value;
  /** The same from `-sequence` up to `sequence - 1`. */
  readonly rising: Value;
  /** For the first token: the rows for distances 0 down to `1 - sequence`: `[sequence]`. */
  readonly fromFirst: Value;
}

export function disentangledTables(
  context: EncoderContext,
  size: number,
  heads: number,
  epsilon: number,
): DisentangledTables {
  const { config, checkpoint, graph, inputs, layers } = context;
  const kinds = positionKinds(context);
  const relative = config.flag("relative_attention", false);
  const used = relative ? kinds : [];
  const { buckets, reach } = relativeReach(context);
  const span = buckets > 0 ? buckets : reach;
  let embeddings: Value | undefined;
  if (used.length > 0) {
    embeddings = layers.table(checkpoint.weight("encoder.rel_embeddings.weight", [2 * span, size]));
    const norms = config.text("norm_rel_ebd", "none").toLowerCase().split("|");
    if (norms.some((norm) => norm.trim() === "layer_norm")) {
      embeddings = layerNormAt(context, embeddings, "encoder.LayerNorm", size, epsilon);
    }
  }
  const rows = Array.from({ length: 2 * MAX_DISTANCE + 1 }, (_, index) => {
    const bucket = distanceBucket(index - MAX_DISTANCE, buckets, reach);
    return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
  });
  const table = graph.integerTable("rows_by_distance", rows);
  const length = sequenceLength(graph, inputs.ids);
  const headSize = size / heads;
  return {
    size,
    heads,
    headSize,
    // The scale counts the kinds even when `relative_attention` is off, as the reference does.
    scale: 1 / Math.sqrt(headSize * (1 + kinds.length)),
    contentToPosition: used.includes("c2p"),
    positionToContent: used.includes("p2c"),
    sharedKeys: config.flag("share_att_key", false),
    embeddings,
    falling: distanceRows(graph, table, length, graph.apply("Neg", [length]), -1),
    rising: distanceRows(graph, table, graph.apply("Neg", [length]), length, 1),
    fromFirst: distanceRows(graph, table, graph.integer(0), graph.apply("Neg", [length]), -1),
  };
}

function distanceRows(graph: GraphWriter, table: Value, from: Value, to: Value, step: number): Value {
  const distances = graph.apply("Range", [from, to, graph.integer(step)]);
  return graph.apply("Gather", [table, graph.apply("Add", [distances, graph.integer(MAX_DISTANCE)])]);
}

function positionKinds({ config }: EncoderContext): string[] {
  const value = config.get("pos_att_type");
  const listed = typeof value === "string" ? value.toLowerCase().split("|") : (config.texts("pos_att_type") ?? []);
  const kinds = [...new Set(listed.map((kind) => kind.trim()).filter((kind) => kind !== ""))];
  if (kinds.every((kind) => kind === "c2p" || kind === "p2c")) return kinds;
  throw config.unsupported("pos_att_type", "only c2p and p2c are compiled");
}

function relativeReach({ config }: EncoderContext): { buckets: number; reach: number } {
  const asked = config.integer("max_relative_positions", -1);
  return {
    buckets: config.integer("position_buckets", -1),
    reach: asked < 1 ? config.size("max_position_embeddings", 512) : asked,
  };
}

/** The scores that positions add to the attention, not yet scaled: each `[batch, heads, sequence, sequence]`. */
export function disentangledBias(
  context: EncoderContext,
  tables: DisentangledTables,
  prefix: string,
  query: Value,
  keys: Value,
): Value[] {
  const { graph } = context;
  const biases: Value[] = [];
  if (tables.contentToPosition) {
    const positions = positionHeads(context, tables, `${prefix}attention.self.`, "key", tables.falling);
    biases.push(skew(graph, multiplyTransposed(graph, query, positions), context.inputs.ids));
  }
  if (tables.positionToContent) {
    const positions = positionHeads(context, tables, `${prefix}attention.self.`, "query", tables.rising);
    // Rows are keys here: the same skew, then turned so that rows are queries.
    const skewed = skew(graph, multiplyTransposed(graph, keys, positions), context.inputs.ids);
    biases.push(graph.apply("Transpose", [skewed], { perm: [0, 1, 3, 2] }));
  }
  return biases;
}

/** The same for the first token's query alone: each `[batch, heads, 1, sequence]`. */
export function firstTokenBias(
  context: EncoderContext,
  tables: DisentangledTables,
  prefix: string,
  query: Value,
  keys: Value,
): Value[] {
  const { graph } = context;
  const biases: Value[] = [];
  if (tables.contentToPosition) {
    const positions = positionHeads(context, tables, `${prefix}attention.self.`, "key", tables.fromFirst);
    biases.push(multiplyTransposed(graph, query, positions));
  }
  if (tables.positionToContent) {
    const positions = positionHeads(context, tables, `${prefix}attention.self.`, "query", tables.fromFirst);
    const sums = graph.apply("ReduceSum", [graph.apply("Mul", [keys, positions]), graph.integers(-1)], { keepdims: 0 });
    biases.push(graph.apply("Unsqueeze", [sums, graph.integers(2)]));
  }
  return biases;
}

/** The relative positions of `rows`, projected and split: `[heads, rows, size]`. What comes before `rows` is constant. */
function positionHeads(
  context: EncoderContext,
  { size, heads, headSize, sharedKeys, embeddings = "" }: DisentangledTables,
  prefix: string,
  kind: "key" | "query",
  rows: Value,
): Value {
  const { graph } = context;
  const name = sharedKeys ? `${prefix}${kind}_proj` : `${prefix}pos_${kind}_proj`;
  const projected = linearAt(context, embeddings, name, size, size);
  const split = graph.apply("Reshape", [projected, graph.integers(0, heads, headSize)]);
  return graph.apply("Gather", [graph.apply("Transpose", [split], { perm: [1, 0, 2] }), rows], { axis: 1 });
}

function multiplyTransposed(graph: GraphWriter, x: Value, positions: Value): Value {
  return graph.apply("MatMul", [x, graph.apply("Transpose", [positions], { perm: [0, 2, 1] })]);
}

/**
 * `[batch, heads, n, 2n]`, whose column t of row i belongs to i's distance n - t, into `[batch, heads, n, n]` with
 * column j for the token j: read as one line, dropping the first n numbers moves each row by one place more than
 * the row before it.
 */
function skew(graph: GraphWriter, x: Value, ids: Value): Value {
  const length = graph.apply("Unsqueeze", [sequenceLength(graph, ids), graph.integers(0)]);
  const line = graph.apply("Reshape", [x, graph.integers(0, 0, -1)]);
  const end = graph.integers(2 ** 31 - 1);
  const dropped = graph.apply("Slice", [line, length, end, graph.integers(2)]);
  const shape = graph.apply("Concat", [graph.integers(0, 0), length, graph.integers(-1)], { axis: 0 });
  const shifted = graph.apply("Reshape", [dropped, shape]);
  return graph.apply("Slice", [shifted, graph.integers(0), length, graph.integers(3)]);
}
