import fc from "fast-check";
import { expect, test } from "vitest";
import { quantizeProduct, quantizeRows, transpose } from "./quantization.ts";

const matrix = fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 })).chain(([rows, columns]) =>
  fc
    .array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: rows * columns, maxLength: rows * columns })
    // Below that a scale would be subnormal, and the numbers count for nothing beside the bias.
    .map((values) => values.map((value) => (Math.abs(value) < 1e-30 ? 0 : value)))
    .map((values) => ({ rows, columns, values: Float32Array.from(values) })),
);

test("a product's weights come back within half a step, transposed, in 7 bits", () => {
  fc.assert(
    fc.property(matrix, ({ rows, columns, values }) => {
      const quantized = quantizeProduct(values, columns);
      values.forEach((value, index) => {
        const [row, column] = [Math.floor(index / columns), index % columns];
        const scale = quantized.scales[row] as number;
        const stored = quantized.values[column * rows + row] as number;
        expect(Math.abs(stored)).toBeLessThanOrEqual(64);
        expect(Math.abs(stored * scale - value)).toBeLessThanOrEqual(scale * 0.5001);
      });
    }),
    { numRuns: 50 },
  );
});

test("a table's rows use all 8 bits, each with its own scale", () => {
  const { values, scales } = quantizeRows(Float32Array.of(1, -2, 100, 25, 0, 0), 2);
  expect([...values]).toEqual([64, -127, 127, 32, 0, 0]);
  expect([...scales]).toEqual([2 / 127, 100 / 127, 1].map(Math.fround));
});

test("what is not a number stays visible", () => {
  expect(quantizeRows(Float32Array.of(Number.NaN, 1), 2).scales[0]).toBeNaN();
});

test("transposing twice gives the matrix again", () => {
  fc.assert(
    fc.property(matrix, ({ rows, columns, values }) => {
      const once = transpose(values, columns, new Float32Array(values.length));
      expect(once[rows * (columns - 1)]).toBe(values[columns - 1]);
      expect(transpose(once, rows, new Float32Array(values.length))).toEqual(values);
    }),
    { numRuns: 50 },
  );
});
