import { ELEMENT_CODES } from "../compiler/graph-writer.ts";
import { ProtobufError, type ProtobufField, readPackedIntegers, readProtobufFields } from "./protobuf-reader.ts";

const ELEMENT_BYTES = new Map<number, number>([
  [ELEMENT_CODES.float32, 4],
  [ELEMENT_CODES.uint8, 1],
  [ELEMENT_CODES.int8, 1],
  [ELEMENT_CODES.int64, 8],
]);

export interface OnnxNode {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** As they stand in the file. */
  readonly attributes: readonly Uint8Array[];
}

export interface OnnxTensor {
  /** One of `ELEMENT_CODES`. */
  readonly elementType: number;
  readonly shape: readonly number[];
  /** Little-endian, row-major: as many as the shape says. A view of the file. */
  readonly bytes: Uint8Array;
}

export interface OnnxGraph {
  /** Versions of the operators by their domain. */
  readonly opsets: readonly (readonly [string, number])[];
  readonly nodes: readonly OnnxNode[];
  readonly tensors: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Reads a model that is wholly inside its file. What it does not know is an error and not passed over, since it could
 * change what the graph computes: functions, sparse tensors, tensors in other files.
 *
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto for the numbers of the fields
 * @throws ProtobufError
 */
export function readOnnxGraph(file: Uint8Array): OnnxGraph {
  const model = readMessage(file, "model", { ignored: [1, 2, 3, 4, 5, 6, 14], known: [7, 8] });
  const graph = readMessage(only(model.bytes(7), "graph"), "graph", { ignored: [2, 10, 13], known: [1, 5, 11, 12] });
  const tensors = new Map<string, OnnxTensor>();
  for (const bytes of graph.bytes(5)) {
    const { name, tensor } = readTensor(bytes);
    if (tensors.has(name)) throw new ProtobufError(`there are two tensors "${name}"`);
    tensors.set(name, tensor);
  }
  return {
    opsets: model.bytes(8).map(readOpset),
    nodes: graph.bytes(1).map(readNode),
    tensors,
    inputs: graph.bytes(11).map(readPortName),
    outputs: graph.bytes(12).map(readPortName),
  };
}

function readNode(bytes: Uint8Array): OnnxNode {
  const node = readMessage(bytes, "node", { ignored: [3, 6], known: [1, 2, 4, 5, 7] });
  return {
    operator: only(node.texts(4), "operator of a node"),
    domain: node.texts(7).at(-1) ?? "",
    inputs: node.texts(1),
    outputs: node.texts(2),
    attributes: node.bytes(5),
  };
}

function readTensor(bytes: Uint8Array): { readonly name: string; readonly tensor: OnnxTensor } {
  const message = readMessage(bytes, "tensor", { ignored: [12], known: [1, 2, 8, 9] });
  const name = only(message.texts(8), "name of a tensor");
  const elementType = Number(only(message.integers(2), "type of a tensor"));
  const shape = message.integers(1).map(Number);
  const data = only(message.bytes(9), "data of a tensor");
  const size = ELEMENT_BYTES.get(elementType);
  if (size === undefined) throw new ProtobufError(`the tensor "${name}" has elements of type ${elementType}`);
  if (shape.reduce((product, length) => product * length, size) !== data.byteLength) {
    throw new ProtobufError(`the tensor "${name}" of shape [${shape}] has ${data.byteLength} bytes`);
  }
  return { name, tensor: { elementType, shape, bytes: data } };
}

function readOpset(bytes: Uint8Array): readonly [string, number] {
  const opset = readMessage(bytes, "operator set", { ignored: [], known: [1, 2] });
  return [opset.texts(1).at(-1) ?? "", Number(only(opset.integers(2), "version of operators"))];
}

function readPortName(bytes: Uint8Array): string {
  const port = readMessage(bytes, "input or output", { ignored: [2, 3], known: [1] });
  return only(port.texts(1), "name of an input or output");
}

/** The fields of a message by their number; another than these is an error. */
function readMessage(
  bytes: Uint8Array,
  what: string,
  { ignored, known }: { readonly ignored: readonly number[]; readonly known: readonly number[] },
) {
  const fields = readProtobufFields(bytes);
  const unknown = fields.find(({ number }) => !ignored.includes(number) && !known.includes(number));
  if (unknown !== undefined) throw new ProtobufError(`a part of the ${what} is of the unknown kind ${unknown.number}`);
  const of = (number: number) => fields.filter((field) => field.number === number);
  return {
    bytes: (number: number) => of(number).map(bytesOf),
    texts: (number: number) => of(number).map((field) => decodeText(bytesOf(field))),
    integers: (number: number) => of(number).flatMap(integersOf),
  };
}

function bytesOf({ value }: ProtobufField): Uint8Array {
  if (typeof value === "bigint") throw new ProtobufError("there is a number where bytes belong");
  return value;
}

/** Numbers stand one by one, or packed. */
function integersOf({ value }: ProtobufField): bigint[] {
  return typeof value === "bigint" ? [value] : readPackedIntegers(value);
}

function only<T>(values: readonly T[], what: string): T {
  if (values.length !== 1) throw new ProtobufError(`there must be one ${what}, and there are ${values.length}`);
  return values[0] as T;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new ProtobufError("a name is no text");
  }
}
