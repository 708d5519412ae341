import { untilAborted } from "./until-aborted.ts";

/** By key: whether the one that goes first has done it. */
const underWay = new Map<string, Promise<boolean>>();
const done = new Set<string>();

/**
 * Runs `work` alone the first time that a key is seen in this process; others of the same key wait until one has done it,
 * and then run at the same time. When the first fails, the next goes first.
 */
export async function firstAlone<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let first = underWay.get(key); first !== undefined; first = underWay.get(key)) {
    const waitedFor = first;
    await untilAborted(signal, () => waitedFor);
  }
  if (done.has(key)) return work();
  const result = work();
  const outcome = result.then(
    () => true,
    () => false,
  );
  underWay.set(key, outcome);
  if (await outcome) done.add(key);
  underWay.delete(key);
  return result;
}
