/**
 * Weights of matrix products use 7 of the 8 bits. Processors without VNNI add two products of an unsigned and a signed
 * byte in 16 bits, and full-range weights would saturate there, so that scores would differ between machines
 * (ONNX Runtime, "Quantize ONNX models", `reduce_range`).
 */
const PRODUCT_LIMIT = 64;
/** Looked-up rows are multiplied by nothing in int8, so they use the whole range. */
const ROW_LIMIT = 127;

/** Symmetric int8: `weight = value * scale`. */
export interface QuantizedRows {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** One scale for each row of `[rows, columns]`. */
export function quantizeRows(weights: Float32Array, columns: number): QuantizedRows {
  return quantize(weights, columns, ROW_LIMIT);
}

/**
 * A linear layer's `[out, in]` weights as int8 `[in, out]` with one scale for each output.
 */
export function quantizeProduct(weights: Float32Array, inputs: number): QuantizedRows {
  const { values, scales } = quantize(weights, inputs, PRODUCT_LIMIT);
  return { values: transpose(values, inputs, new Int8Array(values.length)), scales };
}

/** `[rows, columns]` into `[columns, rows]`, in squares that stay in the processor's cache. */
export function transpose<T extends Float32Array | Int8Array>(source: T, columns: number, target: T): T {
  const rows = source.length / columns;
  const edge = 64;
  for (let top = 0; top < rows; top += edge) {
    for (let left = 0; left < columns; left += edge) {
      const bottom = Math.min(top + edge, rows);
      const right = Math.min(left + edge, columns);
      for (let column = left; column < right; column++) {
        for (let row = top; row < bottom; row++) target[column * rows + row] = source[row * columns + column] as number;
      }
    }
  }
  return target;
}

function quantize(weights: Float32Array, columns: number, limit: number): QuantizedRows {
  const rows = weights.length / columns;
  const values = new Int8Array(weights.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let largest = 0;
    for (let i = start; i < start + columns; i++) largest = Math.max(largest, Math.abs(weights[i] as number));
    // A row of zeros keeps a scale that divides; NaN and infinity stay visible in the scale.
    const scale = largest === 0 ? 1 : largest / limit;
    scales[row] = scale;
    for (let i = start; i < start + columns; i++) values[i] = Math.round((weights[i] as number) / scale);
  }
  return { values, scales };
}
