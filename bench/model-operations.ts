import type { BertShape } from "./seeded-model.ts";

/**
 * Multiply-adds of the matrix products that score one pair of so many tokens, exactly: the last layer is computed for the
 * first row alone, as our graph does it. What it leaves out is not counted as done.
 */
export function multiplyAdds({ layers, hidden, intermediate }: BertShape, tokens: number): number {
  const layer = (rows: number) => {
    const projections = (2 * tokens + 2 * rows) * hidden * hidden;
    const attention = 2 * rows * tokens * hidden;
    const feedForward = 2 * rows * hidden * intermediate;
    return projections + attention + feedForward;
  };
  const head = hidden * hidden + hidden;
  return (layers - 1) * layer(tokens) + layer(1) + head;
}
