import { raceWithSignal, throwIfAborted } from "../../deadline.ts";

/**
 * Waits for `work` no longer than `signal` allows, and rejects then with the signal's own reason, so that `closed` and
 * `timeout` stay what they are on their way through several layers. `work` does not start when the signal has fired.
 */
export async function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  throwIfAborted(signal);
  return raceWithSignal(work(), signal);
}
