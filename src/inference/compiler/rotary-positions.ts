import { PgVectorDBError } from "../../errors.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { GraphWriter, Value } from "./graph-writer.ts";

/** Cosines and sines of one base frequency for every position: `[sequence, size / 2]` each. */
export interface RotaryTables {
  readonly cosines: Value;
  readonly sines: Value;
}

/**
 * @param order the positions, int64 `[sequence]`
 * @throws PgVectorDBError `model_invalid` for heads of an odd size, which have no pairs to turn
 */
export function rotaryTables(graph: GraphWriter, order: Value, size: number, theta: number): RotaryTables {
  if (size % 2 !== 0) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model's attention heads have the odd size ${size}; rotary positions need an even one.`,
    );
  }
  const steps = graph.floats(`rotary_frequencies_${theta}`, [1, size / 2], rotaryFrequencies(size, theta));
  const rows = graph.apply("Unsqueeze", [graph.apply("Cast", [order], { to: 1 }), graph.integers(1)]);
  const angles = graph.apply("Mul", [rows, steps]);
  return { cosines: graph.apply("Cos", [angles]), sines: graph.apply("Sin", [angles]) };
}

/** By how much each pair of a head's numbers is turned from one position to the next. */
export function rotaryFrequencies(size: number, theta: number): Float32Array {
  return Float32Array.from({ length: size / 2 }, (_, index) => 1 / Math.fround(theta ** ((2 * index) / size)));
}

/** Turns each half-split pair of every head by its position: `[batch, heads, sequence, size]` in and out. */
export function rotate(graph: GraphWriter, x: Value, { cosines, sines }: RotaryTables, position?: Value): Value {
  return graph.applyMicrosoft("RotaryEmbedding", [x, position ?? graph.integers(0), cosines, sines]);
}

/** @throws PgVectorDBError `model_invalid` when config.json asks for frequencies that are scaled */
export function requirePlainRotary(config: ConfigReader): void {
  config.require("rope_type", "default");
  config.require("type", "default");
  config.require("partial_rotary_factor", 1);
}
