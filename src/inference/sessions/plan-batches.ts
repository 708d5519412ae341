export interface BatchLimits {
  /** Most inputs in one run of the model. */
  readonly batchSize: number;
  /** Most tokens in one run, padding included. An input longer than this runs alone. */
  readonly batchTokens: number;
}

/**
 * Groups inputs of like length, longest first, so that little is padded and memory is bounded by tokens and not by the
 * number of inputs. Returns positions in `lengths`; each is in exactly one batch.
 */
export function planBatches(lengths: readonly number[], limits: BatchLimits): number[][] {
  const order = lengths.map((_, position) => position);
  order.sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const position of order) {
    const longest = lengths[batch[0] ?? position] as number;
    const full = batch.length >= limits.batchSize || (batch.length + 1) * longest > limits.batchTokens;
    if (batch.length > 0 && full) {
      batches.push(batch);
      batch = [];
    }
    batch.push(position);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
