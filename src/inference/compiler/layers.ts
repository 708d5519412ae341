import type { Weight } from "./checkpoint.ts";
import type { Constant, GraphWriter, Value } from "./graph-writer.ts";
import { type QuantizedRows, quantizeProduct, quantizeRows, transpose } from "./quantization.ts";

export type CompiledDtype = "fp32" | "int8";

/** Rows of a table that are read and written at a time, in numbers. */
const CHUNK_NUMBERS = 2 ** 20;

/** The operators that hold weights, in the number format of the compiled model. */
export class Layers {
  readonly graph: GraphWriter;
  readonly #dtype: CompiledDtype;
  readonly #quantizedInputs = new Map<Value, readonly Value[]>();

  constructor(graph: GraphWriter, dtype: CompiledDtype) {
    this.graph = graph;
    this.#dtype = dtype;
  }

  /** `x · weightᵀ + bias`, for weights `[out, in]` as PyTorch keeps them. */
  linear(x: Value, weight: Weight, bias?: Weight | undefined): Value {
    if (this.#dtype === "int8") return this.#linearInt8(x, weight, bias);
    return bias === undefined ? this.preciseLinear(x, weight) : this.#linearWithBias(x, weight, bias);
  }

  /** The same in float32 whatever the format: for the few weights of a head. */
  preciseLinear(x: Value, weight: Weight, bias?: Weight | undefined): Value {
    const product = this.graph.apply("MatMul", [x, this.graph.constant(transposed(weight))]);
    return bias === undefined ? product : this.graph.apply("Add", [product, this.vector(bias)]);
  }

  /** The rows of a table at `ids`. */
  lookUp(table: Weight, ids: Value): Value {
    if (this.#dtype === "fp32") return this.graph.apply("Gather", [this.table(table), ids]);
    const { values, scales } = quantizedTable(table);
    const rows = this.graph.apply("Gather", [this.graph.constant(values), ids]);
    const factors = this.graph.apply("Gather", [this.graph.constant(scales), ids]);
    return this.graph.apply("Mul", [this.graph.apply("Cast", [rows], { to: 1 }), factors]);
  }

  layerNorm(x: Value, epsilon: number, weight: Weight, bias?: Weight | undefined): Value {
    const inputs = [x, this.vector(weight), ...(bias === undefined ? [] : [this.vector(bias)])];
    return this.graph.apply("LayerNormalization", inputs, { axis: -1, epsilon: { float: epsilon } });
  }

  vector(weight: Weight): Value {
    return this.table(weight);
  }

  /** A constant with the checkpoint's numbers as they are, in float32. */
  table(weight: Weight): Value {
    return this.graph.constant(plain(weight));
  }

  /** The weights `[out, in]` of a linear layer by heads, in float32: `[heads, out / heads, in]`. */
  headRows(weight: Weight, heads: number): Value {
    const [outputs = 0, inputs = 0] = weight.shape;
    return this.graph.constant({
      ...plain(weight),
      name: `${weight.name}.heads`,
      shape: [heads, outputs / heads, inputs],
    });
  }

  /** The same with each head transposed: `[heads, in, out / heads]`. */
  headColumns(weight: Weight, heads: number): Value {
    const [outputs = 0, inputs = 0] = weight.shape;
    const size = outputs / heads;
    const shape = [heads, inputs, size];
    return this.graph.constant(
      floatConstant(`${weight.name}.heads_transposed`, shape, async function* () {
        for (let head = 0; head < heads; head++) {
          const rows = await weight.readRows(head * size, (head + 1) * size);
          yield bytesOf(transpose(rows, inputs, new Float32Array(rows.length)));
        }
      }),
    );
  }

  /** One `Gemm` over all rows, which adds the bias while it has the result at hand; `MatMul` needs a pass of its own for it. */
  #linearWithBias(x: Value, weight: Weight, bias: Weight): Value {
    const { graph } = this;
    const [outputs = 0, inputs = 0] = weight.shape;
    const rows = graph.apply("Reshape", [x, graph.integers(-1, inputs)]);
    const product = graph.apply("Gemm", [rows, graph.constant(transposed(weight)), this.vector(bias)]);
    const leading = graph.apply("Shape", [x], { end: -1 });
    return graph.apply("Reshape", [product, graph.apply("Concat", [leading, graph.integers(outputs)], { axis: 0 })]);
  }

  /** The pattern that ONNX Runtime fuses into one MatMulIntegerToFloat. */
  #linearInt8(x: Value, weight: Weight, bias: Weight | undefined): Value {
    const { graph } = this;
    const [data = "", scale = "", zero = ""] = this.#quantizeInput(x);
    const { values, scales } = quantizedProduct(weight);
    const product = graph.apply("MatMulInteger", [data, graph.constant(values), zero, graph.signedZero()]);
    const factor = graph.apply("Mul", [scale, graph.constant(scales)]);
    const output = graph.apply("Mul", [graph.apply("Cast", [product], { to: 1 }), factor]);
    return bias === undefined ? output : graph.apply("Add", [output, this.vector(bias)]);
  }

  /** Query, key and value read the same input: it is quantised once. */
  #quantizeInput(x: Value): readonly Value[] {
    let quantized = this.#quantizedInputs.get(x);
    if (quantized === undefined) {
      quantized = this.graph.applyMany("DynamicQuantizeLinear", [x], 3);
      this.#quantizedInputs.set(x, quantized);
    }
    return quantized;
  }
}

function plain(weight: Weight): Constant {
  return floatConstant(weight.name, weight.shape, async function* () {
    for (const [begin, end] of rowChunks(weight)) yield bytesOf(await weight.readRows(begin, end));
  });
}

function transposed(weight: Weight): Constant {
  const [outputs = 0, inputs = 0] = weight.shape;
  return floatConstant(`${weight.name}.transposed`, [inputs, outputs], async function* () {
    const values = await weight.readRows();
    yield bytesOf(transpose(values, inputs, new Float32Array(values.length)));
  });
}

function quantizedProduct(weight: Weight): { values: Constant; scales: Constant } {
  const [outputs = 0, inputs = 0] = weight.shape;
  return quantizedPair(weight.name, [inputs, outputs], [outputs], async function* () {
    yield quantizeProduct(await weight.readRows(), inputs);
  });
}

function quantizedTable(weight: Weight): { values: Constant; scales: Constant } {
  const [rows = 0, columns = 0] = weight.shape;
  return quantizedPair(weight.name, [rows, columns], [rows, 1], async function* () {
    for (const [begin, end] of rowChunks(weight)) yield quantizeRows(await weight.readRows(begin, end), columns);
  });
}

/** Values and scales come from one pass over the weight: the scales are kept until they are written, after the values. */
function quantizedPair(
  name: string,
  shape: readonly number[],
  scaleShape: readonly number[],
  quantize: () => AsyncIterable<QuantizedRows>,
): { values: Constant; scales: Constant } {
  let kept: Float32Array[] = [];
  const values: Constant = {
    name: `${name}.int8`,
    elementType: "int8",
    shape,
    byteLength: countOf(shape),
    async *chunks() {
      kept = [];
      for await (const chunk of quantize()) {
        kept.push(chunk.scales);
        yield bytesOf(chunk.values);
      }
    },
  };
  const scales = floatConstant(`${name}.scales`, scaleShape, async function* () {
    for (const part of kept) yield bytesOf(part);
  });
  return { values, scales };
}

function floatConstant(name: string, shape: readonly number[], chunks: () => AsyncIterable<Uint8Array>): Constant {
  return { name, elementType: "float32", shape, byteLength: countOf(shape) * 4, chunks };
}

function* rowChunks({ shape }: Weight): Iterable<readonly [begin: number, end: number]> {
  const [rows = 1, ...rest] = shape;
  const step = Math.max(1, Math.floor(CHUNK_NUMBERS / countOf(rest)));
  for (let begin = 0; begin < rows; begin += step) yield [begin, Math.min(begin + step, rows)];
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
