import { PgVectorDBError } from "../../errors.ts";

/** A tensor's numbers as float32. Node before 24 has no Float16Array and gives half floats as their bits. */
export function toFloat32(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof Float64Array) return Float32Array.from(data);
  if (data instanceof Uint16Array) return Float32Array.from(data, decodeHalf);
  if (data?.constructor.name === "Float16Array") return Float32Array.from(data as unknown as Iterable<number>);
  throw new PgVectorDBError("model_invalid", "The model's output is not a tensor of floats.");
}

/** IEEE 754 binary16: one sign bit, five of exponent (bias 15), ten of fraction. */
function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
