import type { EncodedInput } from "../inputs/pair-encoder.ts";

/** Inputs that begin with the same tokens. */
export interface PrefixGroup {
  /** Empty where nothing is read apart. */
  readonly prefix: Int32Array;
  /** What follows the prefix. */
  readonly inputs: readonly EncodedInput[];
  /** `positions[i]` is the place of `inputs[i]` in the batch. */
  readonly positions: readonly number[];
}

/** Puts the inputs of a batch together by the tokens that are read once, compared one by one. */
export function groupByPrefix(batch: readonly EncodedInput[]): PrefixGroup[] {
  const groups = new Map<string, { prefix: Int32Array; inputs: EncodedInput[]; positions: number[] }>();
  for (const [position, { ids, typeIds, prefixTokens = 0 }] of batch.entries()) {
    const prefix = ids.subarray(0, prefixTokens);
    const key = prefix.join();
    let group = groups.get(key);
    if (group === undefined) {
      group = { prefix, inputs: [], positions: [] };
      groups.set(key, group);
    }
    group.inputs.push({ ids: ids.subarray(prefixTokens), typeIds: typeIds.subarray(prefixTokens) });
    group.positions.push(position);
  }
  return [...groups.values()];
}
