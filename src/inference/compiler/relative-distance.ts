import type { GraphWriter, Value } from "./graph-writer.ts";

/**
 * A number for each query and key that depends on their distance alone: `[queries, keys]`, int64.
 *
 * @param limit the positions the model knows: distances lie between 1 - limit and limit - 1
 * @param numberOf from the query's position minus the key's
 */
export function distanceIndex(
  graph: GraphWriter,
  queries: Value,
  keys: Value,
  limit: number,
  numberOf: (distance: number) => number,
): Value {
  const numbers = Array.from({ length: 2 * limit - 1 }, (_, index) => numberOf(index - limit + 1));
  const table = graph.integerTable("numbers_by_distance", numbers);
  const rows = graph.apply("Unsqueeze", [graph.apply("Add", [queries, graph.integer(limit - 1)]), graph.integers(1)]);
  return graph.apply("Gather", [table, graph.apply("Sub", [rows, keys])]);
}
