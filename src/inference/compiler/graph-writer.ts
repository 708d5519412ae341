/** The name of a value that flows through the graph. */
export type Value = string;

export type ElementType = "float32" | "uint8" | "int8" | "int32" | "int64" | "bool";

/** ONNX `TensorProto.DataType`. */
export const ELEMENT_CODES: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
};

export type Attribute = number | { readonly float: number } | readonly number[] | string;

export interface GraphNode {
  readonly operator: string;
  /** Empty for the operators of ONNX itself. */
  readonly domain: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A tensor whose length is known from the start and whose bytes are made only while the file is written. */
export interface Constant {
  readonly name: string;
  readonly elementType: ElementType;
  readonly shape: readonly number[];
  readonly byteLength: number;
  chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface Port {
  readonly name: string;
  readonly elementType: ElementType;
  /** A text is the name of a length that differs from run to run. */
  readonly shape: readonly (number | string)[];
}

/** The operators that ONNX Runtime adds to ONNX. */
export const MICROSOFT_DOMAIN = "com.microsoft";

/** Collects the nodes and constants of one graph, in an order in which each value exists before it is used. */
export class GraphWriter {
  readonly nodes: GraphNode[] = [];
  readonly constants = new Map<string, Constant>();
  readonly inputs: Port[] = [];
  readonly outputs: Port[] = [];

  /** One operator with one output. An input that is "" is left out. */
  apply(operator: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.#add(operator, "", inputs, 1, attributes)[0] as Value;
  }

  applyMicrosoft(
    operator: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    return this.#add(operator, MICROSOFT_DOMAIN, inputs, 1, attributes)[0] as Value;
  }

  applyMany(
    operator: string,
    inputs: readonly Value[],
    outputs: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value[] {
    return this.#add(operator, "", inputs, outputs, attributes);
  }

  input(name: string, elementType: ElementType, shape: readonly (number | string)[]): Value {
    this.inputs.push({ name, elementType, shape });
    return name;
  }

  output(name: string, value: Value, shape: readonly (number | string)[]): void {
    this.nodes.push({ operator: "Identity", domain: "", inputs: [value], outputs: [name], attributes: {} });
    this.outputs.push({ name, elementType: "float32", shape });
  }

  constant(constant: Constant): Value {
    if (!this.constants.has(constant.name)) this.constants.set(constant.name, constant);
    return constant.name;
  }

  /** A list of int64, as shapes and axes are given. */
  integers(...values: readonly number[]): Value {
    return this.#small(`integers_${values.join("_")}`, "int64", [values.length], BigInt64Array.from(values, BigInt));
  }

  /** One int64. */
  integer(value: number): Value {
    return this.#small(`integer_${value}`, "int64", [], BigInt64Array.of(BigInt(value)));
  }

  /** One float. */
  number(value: number): Value {
    return this.#small(`number_${value}`, "float32", [], Float32Array.of(value));
  }

  /** One zero point of signed weights. */
  signedZero(): Value {
    return this.#small("signed_zero", "int8", [], Int8Array.of(0));
  }

  floats(name: string, shape: readonly number[], values: Float32Array): Value {
    return this.#small(name, "float32", shape, values);
  }

  integerTable(name: string, values: readonly number[]): Value {
    return this.#small(name, "int64", [values.length], BigInt64Array.from(values, BigInt));
  }

  #small(name: string, elementType: ElementType, shape: readonly number[], values: ArrayBufferView): Value {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return this.constant({ name, elementType, shape, byteLength: bytes.byteLength, chunks: () => [bytes] });
  }

  #add(
    operator: string,
    domain: string,
    inputs: readonly Value[],
    count: number,
    attributes: Readonly<Record<string, Attribute>>,
  ): Value[] {
    const outputs = Array.from({ length: count }, (_, index) => `${operator}_${this.nodes.length}_${index}`);
    this.nodes.push({ operator, domain, inputs, outputs, attributes });
    return outputs;
  }
}
