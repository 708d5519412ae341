import { expect, test } from "vitest";
import { distanceBucket } from "./log-buckets.ts";

// Values of transformers' make_log_bucket_position for DeBERTa-v3's 256 buckets and 512 positions.
test.each([
  [0, 0],
  [127, 127],
  [-128, -128],
  [129, 129],
  [130, 130],
  [200, 169],
  [-300, -207],
  [511, 255],
  [-512, -256],
  [4096, 446],
])("distance %i is in bucket %i", (distance, bucket) => {
  expect(distanceBucket(distance, 256, 512)).toBe(bucket);
});

test("without buckets a distance is its own", () => {
  expect(distanceBucket(-300, -1, 512)).toBe(-300);
});
