import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import {
  type Attribute,
  type Constant,
  ELEMENT_CODES,
  type GraphNode,
  type GraphWriter,
  MICROSOFT_DOMAIN,
  type Port,
} from "./graph-writer.ts";
import { ProtobufMessage } from "./protobuf-message.ts";

/** Opset 17 is the first with LayerNormalization, and one that every fusion of ONNX Runtime knows. */
const OPSET_VERSION = 17;
const IR_VERSION = 8;
/** Windows maps files at multiples of 64 KiB, other systems at 4 KiB. */
const EXTERNAL_ALIGNMENT = 65_536;
/** Smaller ones stay inside the model, where they cost less than a place of their own. */
const EXTERNAL_BYTES = 8192;

export interface OnnxFileOptions {
  readonly modelPath: string;
  /**
   * The file beside it that takes the large weights; it is written only when there are any. ONNX Runtime maps it into
   * memory instead of copying it, and a protobuf file holds at most 2 GB.
   */
  readonly externalPath: string;
  readonly producerVersion: string;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((written: number) => void) | undefined;
}

export interface WrittenFiles {
  /** SHA-256 of all bytes written, in hexadecimal. */
  readonly digest: string;
  readonly external: boolean;
}

/** Writes the graph, one weight at a time, so that memory holds no more than the largest. */
export async function writeOnnxFile(graph: GraphWriter, options: OnnxFileOptions): Promise<WrittenFiles> {
  const hash = createHash("sha256");
  const offsets = externalOffsets(graph);
  if (offsets.size > 0) await writeExternal(graph, offsets, hash, options);
  await writeModel(graph, offsets, hash, options);
  return { digest: hash.digest("hex"), external: offsets.size > 0 };
}

function externalOffsets(graph: GraphWriter): Map<Constant, number> {
  const offsets = new Map<Constant, number>();
  let position = 0;
  for (const constant of graph.constants.values()) {
    if (constant.byteLength < EXTERNAL_BYTES) continue;
    offsets.set(constant, position);
    position = Math.ceil((position + constant.byteLength) / EXTERNAL_ALIGNMENT) * EXTERNAL_ALIGNMENT;
  }
  return offsets;
}

async function writeExternal(
  graph: GraphWriter,
  offsets: ReadonlyMap<Constant, number>,
  hash: Hash,
  options: OnnxFileOptions,
): Promise<void> {
  const file = await FileWriter.open(options.externalPath, hash, options);
  try {
    for (const constant of graph.constants.values()) {
      const offset = offsets.get(constant);
      if (offset === undefined) continue;
      file.skipTo(offset);
      await file.writeConstant(constant);
    }
  } finally {
    await file.close();
  }
}

async function writeModel(
  graph: GraphWriter,
  offsets: ReadonlyMap<Constant, number>,
  hash: Hash,
  options: OnnxFileOptions,
): Promise<void> {
  const location = basename(options.externalPath);
  const body = graphBody(graph);
  const tensors = [...graph.constants.values()].map((constant) => {
    const offset = offsets.get(constant);
    const head = tensorHead(constant, location, offset);
    const length = head.byteLength + (offset === undefined ? constant.byteLength : 0);
    return { constant, inline: offset === undefined, length, opening: new ProtobufMessage().announce(5, length), head };
  });
  const graphBytes = tensors.reduce((sum, { opening, length }) => sum + opening.byteLength + length, body.byteLength);
  const file = await FileWriter.open(options.modelPath, hash, options);
  try {
    await file.write(modelHead(options.producerVersion).announce(7, graphBytes).toBytes());
    await file.write(body.toBytes());
    for (const { constant, inline, opening, head } of tensors) {
      await file.write(opening.toBytes());
      await file.write(head.toBytes());
      if (inline) await file.writeConstant(constant);
    }
  } finally {
    await file.close();
  }
}

class FileWriter {
  readonly #file: FileHandle;
  readonly #hash: Hash;
  readonly #options: OnnxFileOptions;
  #position = 0;

  private constructor(file: FileHandle, hash: Hash, options: OnnxFileOptions) {
    this.#file = file;
    this.#hash = hash;
    this.#options = options;
  }

  static async open(path: string, hash: Hash, options: OnnxFileOptions): Promise<FileWriter> {
    return new FileWriter(await open(path, "wx"), hash, options);
  }

  /** Leaves a hole up to `position`, which takes no room on most disks. */
  skipTo(position: number): void {
    this.#position = position;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.byteLength - done, this.#position + done);
      done += bytesWritten;
    }
    this.#position += bytes.byteLength;
  }

  async writeConstant(constant: Constant): Promise<void> {
    const start = this.#position;
    for await (const chunk of constant.chunks()) {
      this.#options.signal?.throwIfAborted();
      await this.write(chunk);
      this.#options.onBytes?.(chunk.byteLength);
    }
    // The lengths were promised in the bytes already written: a difference would corrupt everything after it.
    if (this.#position - start !== constant.byteLength) {
      throw new Error(`${constant.name}: ${this.#position - start} bytes written, ${constant.byteLength} announced.`);
    }
  }

  /** Flushed before the rename that makes the file visible, so that a crash cannot leave a short one behind. */
  async close(): Promise<void> {
    try {
      await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }
}

// Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

function modelHead(producerVersion: string): ProtobufMessage {
  return new ProtobufMessage()
    .integer(1, IR_VERSION)
    .text(2, "pgvectordb")
    .text(3, producerVersion)
    .message(8, new ProtobufMessage().text(1, "").integer(2, OPSET_VERSION))
    .message(8, new ProtobufMessage().text(1, MICROSOFT_DOMAIN).integer(2, 1));
}

function graphBody(graph: GraphWriter): ProtobufMessage {
  const body = new ProtobufMessage();
  for (const node of graph.nodes) body.message(1, nodeMessage(node));
  body.text(2, "model");
  for (const port of graph.inputs) body.message(11, portMessage(port));
  for (const port of graph.outputs) body.message(12, portMessage(port));
  return body;
}

function nodeMessage({ operator, domain, inputs, outputs, attributes }: GraphNode): ProtobufMessage {
  const message = new ProtobufMessage();
  for (const input of inputs) message.text(1, input);
  for (const output of outputs) message.text(2, output);
  message.text(3, outputs[0] ?? operator).text(4, operator);
  for (const [name, value] of Object.entries(attributes)) message.message(5, attributeMessage(name, value));
  return domain === "" ? message : message.text(7, domain);
}

function attributeMessage(name: string, value: Attribute): ProtobufMessage {
  const message = new ProtobufMessage().text(1, name);
  if (typeof value === "number") return message.integer(3, value).integer(20, 2);
  if (typeof value === "string") return message.text(4, value).integer(20, 3);
  if ("float" in value) return message.float(2, value.float).integer(20, 1);
  return message.integers(8, value).integer(20, 7);
}

function portMessage({ name, elementType, shape }: Port): ProtobufMessage {
  const dimensions = new ProtobufMessage();
  for (const length of shape) {
    const dimension = new ProtobufMessage();
    dimensions.message(1, typeof length === "number" ? dimension.integer(1, length) : dimension.text(2, length));
  }
  const tensor = new ProtobufMessage().integer(1, ELEMENT_CODES[elementType]).message(2, dimensions);
  return new ProtobufMessage().text(1, name).message(2, new ProtobufMessage().message(1, tensor));
}

/** Everything of a tensor but its bytes, which follow the last field when they are inside the model. */
function tensorHead(constant: Constant, location: string, offset: number | undefined): ProtobufMessage {
  const message = new ProtobufMessage();
  if (constant.shape.length > 0) message.integers(1, constant.shape);
  message.integer(2, ELEMENT_CODES[constant.elementType]).text(8, constant.name);
  if (offset === undefined) return message.announce(9, constant.byteLength);
  const entries = { location, offset: String(offset), length: String(constant.byteLength) };
  for (const [key, value] of Object.entries(entries)) {
    message.message(13, new ProtobufMessage().text(1, key).text(2, value));
  }
  return message.integer(14, 1);
}
