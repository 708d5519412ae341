/**
 * The reference's `make_log_bucket_position`: near distances as they are, far ones by the logarithm. Each step is
 * rounded to float32 as it is there, because the result is rounded up and a last digit could move it.
 *
 * @param buckets how many buckets one side has; distances stay as they are when it is not positive
 * @param reach the distance of the last bucket
 */
export function distanceBucket(distance: number, buckets: number, reach: number): number {
  if (buckets <= 0 || reach <= 0) return distance;
  const middle = Math.floor(buckets / 2);
  const length = Math.abs(distance);
  if (length <= middle) return distance;
  const logarithm = Math.fround(Math.log(Math.fround(length / middle)));
  const last = Math.fround(Math.log(Math.fround((reach - 1) / middle)));
  const steps = Math.ceil(Math.fround(Math.fround(logarithm / last) * (middle - 1)));
  return Math.sign(distance) * (steps + middle);
}
