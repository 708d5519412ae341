import type { EncoderContext } from "./encoder-context.ts";
import type { Value } from "./graph-writer.ts";

/** The pattern that ONNX Runtime fuses into SimplifiedLayerNormalization. */
export function rmsNorm(
  { checkpoint, graph, layers }: EncoderContext,
  x: Value,
  name: string,
  size: number,
  epsilon: number,
): Value {
  const mean = graph.apply("ReduceMean", [graph.apply("Pow", [x, graph.number(2)])], { axes: [-1], keepdims: 1 });
  const length = graph.apply("Sqrt", [graph.apply("Add", [mean, graph.number(epsilon)])]);
  return graph.apply("Mul", [
    graph.apply("Div", [x, length]),
    layers.vector(checkpoint.weight(`${name}.weight`, [size])),
  ]);
}
