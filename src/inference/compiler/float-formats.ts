export const FLOAT_BYTES = { F16: 2, BF16: 2, F32: 4, F64: 8 } as const;

export type FloatDtype = keyof typeof FLOAT_BYTES;

export function isFloatDtype(dtype: string): dtype is FloatDtype {
  return Object.hasOwn(FLOAT_BYTES, dtype);
}

/** Little-endian numbers of the file as float32: exact for all but F64, which is rounded as PyTorch rounds it. */
export function widenToFloat32(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  if (dtype === "F32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  if (dtype === "F64") return Float32Array.from(new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8));
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const bits = new Uint32Array(halves.length);
  if (dtype === "BF16") for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] as number) << 16;
  else for (let i = 0; i < halves.length; i++) bits[i] = widenHalf(halves[i] as number);
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16 to the bits of binary32. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal: shift its leading one into the place that binary32 leaves out.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | ((fraction << (shift + 13)) & 0x7fffff);
}
