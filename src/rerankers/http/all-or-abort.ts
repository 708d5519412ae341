import { setMaxListeners } from "node:events";

/**
 * Runs `task` for every item at once. The first failure aborts the others, so that no request goes on for a result nobody takes.
 *
 * @returns the results in the order of `items`
 */
export async function allOrAbort<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  task: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const [only] = items;
  if (items.length === 1) return [await task(only as T, signal)];
  const controller = new AbortController();
  // Every item listens to it, and none outlives this call: no leak for Node to warn of.
  setMaxListeners(0, controller.signal);
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.all(items.map((item) => task(item, controller.signal)));
  } catch (error) {
    controller.abort(error);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
