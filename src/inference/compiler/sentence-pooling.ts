import type { GraphInputs } from "./encoder-context.ts";
import type { GraphWriter, Value } from "./graph-writer.ts";

/** How token vectors become one vector: their mean, the first, or the last, which is what language models are read by. */
export type Pooling = "mean" | "cls" | "last";

/** The mean of the rows that are not padding: `[batch, hidden]`. */
export function meanOfTokens(graph: GraphWriter, hidden: Value, { mask }: GraphInputs): Value {
  if (mask === undefined) return graph.apply("ReduceMean", [hidden], { axes: [1], keepdims: 0 });
  const weights = graph.apply("Unsqueeze", [graph.apply("Cast", [mask], { to: 1 }), graph.integers(2)]);
  const sum = graph.apply("ReduceSum", [graph.apply("Mul", [hidden, weights]), graph.integers(1)], { keepdims: 0 });
  const count = graph.apply("ReduceSum", [weights, graph.integers(1)], { keepdims: 0 });
  return graph.apply("Div", [sum, graph.apply("Max", [count, graph.number(1e-9)])]);
}

/** The first token's row: `[batch, hidden]`. */
export function firstToken(graph: GraphWriter, hidden: Value): Value {
  return graph.apply("Gather", [hidden, graph.integer(0)], { axis: 1 });
}

/** Length 1, as `torch.nn.functional.normalize` makes it. */
export function normalizeRows(graph: GraphWriter, x: Value): Value {
  const length = graph.apply("ReduceL2", [x], { axes: [-1], keepdims: 1 });
  return graph.apply("Div", [x, graph.apply("Max", [length, graph.number(1e-12)])]);
}
