/** How far a call is, in memory that its workers share. */
export type CallProgress = Int32Array;

/** How many portions were taken. */
const TAKEN = 0;
const STOPPED = 1;
const PLACES = 2;

export function createProgress(): CallProgress {
  return new Int32Array(new SharedArrayBuffer(PLACES * Int32Array.BYTES_PER_ELEMENT));
}

/** The number of the next portion that no worker has taken, from 0. It asks no other thread, so that a busy one stops nobody. */
export function takeNext(progress: CallProgress): number {
  return Atomics.add(progress, TAKEN, 1);
}

/** How many portions were taken, if not done; where workers looked for more in vain, more than there are. */
export function countTaken(progress: CallProgress): number {
  return Atomics.load(progress, TAKEN);
}

/** Nobody waits for the call any more: its workers stop before their next batch, and one that has not begun does not. */
export function stopCall(progress: CallProgress): void {
  Atomics.store(progress, STOPPED, 1);
}

export function isStopped(progress: CallProgress): boolean {
  return Atomics.load(progress, STOPPED) === 1;
}
