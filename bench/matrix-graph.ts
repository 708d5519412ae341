import { type Constant, GraphWriter, type Value } from "../src/inference/compiler/graph-writer.ts";
import { writeOnnxFile } from "../src/inference/compiler/onnx-file.ts";

/** `[rows, inner] · [inner, columns]` */
export interface ProductShape {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

/** Products of one graph, each with weights of its own: what goes in and out costs nothing beside them. */
export const PRODUCTS_PER_RUN = 8;

/** A graph of nothing but products of `activations`, as the library's int8 and float32 models have them. */
export async function writeMatrixGraph(path: string, shape: ProductShape, type: "int8" | "fp32"): Promise<void> {
  const { rows, inner, columns } = shape;
  const graph = new GraphWriter();
  const activations = graph.input("activations", type === "int8" ? "uint8" : "float32", [rows, inner]);
  const zero = graph.constant(tensor("zero", "uint8", [], Uint8Array.of(128)));
  const firstRows = Array.from({ length: PRODUCTS_PER_RUN }, (_, index) => {
    const weights = graph.constant(weightsOf(`weights_${index}`, [inner, columns], type));
    const product =
      type === "int8"
        ? graph.apply("MatMulInteger", [activations, weights, zero, graph.signedZero()])
        : graph.apply("MatMul", [activations, weights]);
    return firstRow(graph, product);
  });
  graph.output("rows", graph.apply("Concat", firstRows, { axis: 0 }), [PRODUCTS_PER_RUN * columns]);
  await writeOnnxFile(graph, { modelPath: path, externalPath: `${path}.data`, producerVersion: "bench" });
}

/** Something must depend on every product, or none is computed; one row of it is enough. */
function firstRow(graph: GraphWriter, product: Value): Value {
  return graph.apply("Cast", [graph.apply("Gather", [product, graph.integer(0)], { axis: 0 })], { to: 1 });
}

function weightsOf(name: string, shape: readonly [number, number], type: "int8" | "fp32"): Constant {
  const values = Int8Array.from({ length: shape[0] * shape[1] }, (_, index) => ((index * 7919) % 129) - 64);
  if (type === "int8") return tensor(name, "int8", shape, values);
  return tensor(name, "float32", shape, Float32Array.from(values));
}

function tensor(
  name: string,
  elementType: Constant["elementType"],
  shape: readonly number[],
  values: ArrayBufferView,
): Constant {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, elementType, shape, byteLength: bytes.byteLength, chunks: () => [bytes] };
}
