import { PgVectorDBError } from "../../errors.ts";
import type { SafetensorsSource } from "../safetensors/open-safetensors.ts";
import type { SafetensorsTensor } from "../safetensors/safetensors-header.ts";
import { FLOAT_BYTES, type FloatDtype, isFloatDtype, widenToFloat32 } from "./float-formats.ts";

/** A matrix or vector of the checkpoint, checked for its shape, not yet read. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  /** The values of these rows (all of them when left out), widened to float32. */
  readRows(begin?: number, end?: number): Promise<Float32Array>;
  /** Where its values are, of one that is in a file as it is. */
  readonly place?: WeightPlace | undefined;
}

export interface WeightPlace {
  readonly path: string;
  /** First byte, from the start of the file. */
  readonly start: number;
  readonly dtype: FloatDtype;
}

/** Some rows of a weight, as a weight of their own: many checkpoints keep several layers in one tensor. */
export function weightRows(weight: Weight, first: number, end: number): Weight {
  const rows = end - first;
  return {
    name: `${weight.name}[${first}:${end}]`,
    shape: [rows, ...weight.shape.slice(1)],
    place: weight.place && {
      ...weight.place,
      start: weight.place.start + first * rowBytesOf(weight.shape, weight.place.dtype),
    },
    readRows: (from = 0, to = rows) => weight.readRows(first + from, first + to),
  };
}

/** Names that older checkpoints gave to tensors, which `transformers` renames while it loads them. */
const OLD_NAMES: readonly (readonly [RegExp, string])[] = [
  [/LayerNorm\.weight$/, "LayerNorm.gamma"],
  [/LayerNorm\.bias$/, "LayerNorm.beta"],
];

/** The weights of one model, under the names that the architecture gives them. */
export class Checkpoint {
  readonly #source: SafetensorsSource;
  readonly #prefix: string;

  private constructor(source: SafetensorsSource, prefix: string) {
    this.#source = source;
    this.#prefix = prefix;
  }

  /** The whole checkpoint, names as they are in the file. */
  static of(source: SafetensorsSource): Checkpoint {
    return new Checkpoint(source, "");
  }

  /** The base model in it: the tensors under `prefix` when it was saved with a head, else all. */
  base(prefix: string): Checkpoint {
    const full = this.#prefix + prefix;
    const isThere = [...this.#source.tensors.keys()].some((name) => name.startsWith(full));
    return isThere ? new Checkpoint(this.#source, full) : this;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  shapeOf(name: string): readonly number[] | undefined {
    return this.#find(name)?.tensor.shape;
  }

  /** @throws PgVectorDBError `model_invalid` when the tensor is missing, or has another shape or kind of number */
  weight(name: string, shape: readonly number[]): Weight {
    const found = this.#find(name);
    const fullName = this.#prefix + name;
    if (found === undefined) throw this.#missing(fullName);
    const { tensor } = found;
    if (tensor.shape.length !== shape.length || shape.some((length, axis) => length !== tensor.shape[axis])) {
      throw new PgVectorDBError(
        "model_invalid",
        `The checkpoint's tensor "${fullName}" has shape [${tensor.shape.join(", ")}], config.json asks for [${shape.join(", ")}].`,
      );
    }
    return {
      name: fullName,
      shape,
      readRows: (begin, end) => this.#read(found.name, tensor, begin, end),
      place: { path: this.#source.pathOf(found.name), start: tensor.begin, dtype: floatDtypeOf(tensor) },
    };
  }

  async #read(name: string, tensor: SafetensorsTensor, begin = 0, end = tensor.shape[0] ?? 1): Promise<Float32Array> {
    const dtype = floatDtypeOf(tensor);
    const rowBytes = rowBytesOf(tensor.shape, dtype);
    return widenToFloat32(await this.#source.read(name, begin * rowBytes, end * rowBytes), dtype);
  }

  #find(name: string): { name: string; tensor: SafetensorsTensor } | undefined {
    for (const candidate of this.#candidates(this.#prefix + name)) {
      const tensor = this.#source.tensors.get(candidate);
      if (tensor === undefined) continue;
      if (!isFloatDtype(tensor.dtype)) throw this.#quantized(candidate, tensor.dtype);
      return { name: candidate, tensor };
    }
    return undefined;
  }

  *#candidates(name: string): Iterable<string> {
    yield name;
    for (const [pattern, old] of OLD_NAMES) if (pattern.test(name)) yield name.replace(pattern, old);
  }

  #missing(name: string): PgVectorDBError {
    return new PgVectorDBError(
      "model_invalid",
      `The checkpoint has no tensor "${name}", which its config.json asks for: the file is incomplete, ` +
        "or was saved without the head that this use needs.",
    );
  }

  #quantized(name: string, dtype: string): PgVectorDBError {
    return new PgVectorDBError(
      "model_invalid",
      `The checkpoint's tensor "${name}" is stored as ${dtype}; F32, F16, BF16 and F64 are read. ` +
        "Use the repository that this one was quantised from.",
    );
  }
}

function floatDtypeOf({ dtype }: SafetensorsTensor): FloatDtype {
  if (!isFloatDtype(dtype)) throw new Error("Unreachable: dtypes are checked when the tensor is found.");
  return dtype;
}

function rowBytesOf(shape: readonly number[], dtype: FloatDtype): number {
  return shape.slice(1).reduce((product, length) => product * length, FLOAT_BYTES[dtype]);
}
