import { expect, test } from "vitest";
import { freeBuffers } from "./free-buffers.ts";

test("what is freed is empty, also where arrays share their memory", () => {
  const shared = new Float32Array(1000);
  const arrays = [shared, shared.subarray(10), new Float32Array(3)];
  freeBuffers(arrays);
  expect(arrays.map(({ length }) => length)).toEqual([0, 0, 0]);
});
