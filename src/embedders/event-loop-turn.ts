import { setImmediate } from "node:timers/promises";
import { throwIfAborted } from "../deadline.ts";

/** How long synchronous work may hold the event loop before others get a turn. */
const TURN_MS = 8;

/** Paces long synchronous work: ask `isOver` between small steps, and `await next()` when it is. */
export class EventLoopTurn {
  readonly #signal: AbortSignal | undefined;
  #startedAt = performance.now();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  isOver(): boolean {
    return performance.now() - this.#startedAt > TURN_MS;
  }

  /** @throws PgVectorDBError `aborted` when the signal has fired meanwhile */
  async next(): Promise<void> {
    await setImmediate();
    throwIfAborted(this.#signal);
    this.#startedAt = performance.now();
  }
}
