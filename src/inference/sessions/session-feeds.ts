import type { InferenceSession, Tensor } from "onnxruntime-node";
import { PgVectorDBError } from "../../errors.ts";
import { shapeWithoutPrefix, sourceOfPrefix } from "../compiler/shared-prefix.ts";
import type { EncodedInput } from "../inputs/pair-encoder.ts";
import type { PrefixState } from "./prefix-states.ts";

type TensorClass = typeof import("onnxruntime-node")["Tensor"];
type InputMetadata = InferenceSession["inputMetadata"][number];

const TOKEN_INPUTS: ReadonlySet<string> = new Set(["input_ids", "attention_mask", "token_type_ids"]);

/** What a graph is fed: tokens of every text, and for a compiled decoder what was made of a prefix. */
export class SessionFeeds {
  readonly #tensor: TensorClass;
  readonly #padTokenId: number;
  /** Of the inputs that take `[batch, sequence]`. */
  readonly tokenInputs: readonly InputMetadata[];
  /** By the input that takes it, the output that a prefix's tensor comes from. */
  readonly prefixSources: ReadonlyMap<string, string>;
  /** A prefix of no tokens. */
  readonly noPrefix: PrefixState;

  /** @throws PgVectorDBError `model_invalid` for a graph that takes something else, or inputs of one length */
  constructor(tensor: TensorClass, session: InferenceSession, padTokenId: number) {
    this.#tensor = tensor;
    this.#padTokenId = padTokenId;
    const sources = prefixSources(session);
    const ofPrefix = session.inputMetadata.filter(({ name }) => sources.has(name));
    this.tokenInputs = session.inputMetadata.filter(({ name }) => !sources.has(name));
    this.prefixSources = sources;
    this.noPrefix = Object.fromEntries(
      ofPrefix.map((input) => {
        const shape = input.isTensor ? shapeWithoutPrefix(input.shape) : [];
        return [input.name, new tensor("float32", [], shape)];
      }),
    );
    checkInputs(session, this.tokenInputs);
  }

  /** For a batch that is padded to its longest input. */
  of(batch: readonly EncodedInput[], prefix: PrefixState): Record<string, Tensor> {
    const length = Math.max(...batch.map((input) => input.ids.length));
    // Not a spread, for the reason that `InferencePool.run` has.
    const feeds: Record<string, Tensor> = Object.assign({}, prefix);
    for (const input of this.tokenInputs) {
      const values = new BigInt64Array(batch.length * length);
      batch.forEach((row, index) => {
        fillRow(values.subarray(index * length, (index + 1) * length), input.name, row, this.#padTokenId);
      });
      const isInt32 = input.isTensor && input.type === "int32";
      feeds[input.name] = isInt32
        ? new this.#tensor("int32", Int32Array.from(values, Number), [batch.length, length])
        : new this.#tensor("int64", values, [batch.length, length]);
    }
    return feeds;
  }
}

function prefixSources({ inputNames, outputNames }: InferenceSession): Map<string, string> {
  const sources = new Map<string, string>();
  for (const name of inputNames) {
    const source = sourceOfPrefix(name);
    if (source !== undefined && outputNames.includes(source)) sources.set(name, source);
  }
  return sources;
}

function fillRow(row: BigInt64Array, name: string, input: EncodedInput, padTokenId: number): void {
  const { ids, typeIds } = input;
  if (name === "attention_mask") {
    row.fill(1n, 0, ids.length);
  } else if (name === "token_type_ids") {
    for (let i = 0; i < typeIds.length; i++) row[i] = BigInt(typeIds[i] as number);
  } else {
    for (let i = 0; i < ids.length; i++) row[i] = BigInt(ids[i] as number);
    row.fill(BigInt(padTokenId), ids.length);
  }
}

function checkInputs(session: InferenceSession, tokenInputs: readonly InputMetadata[]): void {
  const isKnown = tokenInputs.every(({ name }) => TOKEN_INPUTS.has(name));
  if (!isKnown || !session.inputNames.includes("input_ids")) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model's ONNX graph takes ${session.inputNames.join(", ")}; an encoder takes input_ids, attention_mask and token_type_ids.`,
    );
  }
  for (const input of tokenInputs) {
    if (input.isTensor && typeof input.shape[1] === "number") {
      throw new PgVectorDBError(
        "model_invalid",
        `The model's ONNX graph was exported for inputs of exactly ${input.shape[1]} tokens. Export it with a dynamic length.`,
      );
    }
  }
}
