import type { BertShape } from "./seeded-model.ts";

/**
 * Multiply-adds of the matrix products that score one pair of so many tokens, exactly: the last layer is computed for the
 * first row alone and without keys and values, as our graph does it. What it leaves out is not counted as done.
 */
export function multiplyAdds({ layers, hidden, heads, intermediate }: BertShape, tokens: number): number {
  const layer = (rows: number, attention: number) =>
    rows * (4 * hidden * hidden + 2 * hidden * intermediate) + attention;
  const head = hidden * hidden + hidden;
  return (layers - 1) * layer(tokens, 2 * tokens * tokens * hidden) + layer(1, 2 * heads * tokens * hidden) + head;
}
