import { raceWithSignal, throwIfAborted } from "../../deadline.ts";

/** Lets a bounded number of tasks run at once. The rest wait in the order they came, and leave the queue when aborted. */
export class Semaphore {
  readonly #queue = new Set<() => void>();
  #free: number;

  constructor(permits: number) {
    this.#free = permits;
  }

  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      throwIfAborted(signal);
      // A task that does not hear the signal must not keep its permit: a vendor's client may hang in a stalled answer.
      return await raceWithSignal(task(), signal);
    } finally {
      this.#release();
    }
  }

  /** Resolves when a task that ended has handed its permit on. */
  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#queue.delete(enter);
        reject(signal.reason);
      };
      if (signal.aborted) return reject(signal.reason);
      this.#queue.add(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  #release(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#queue.delete(next);
    next();
  }
}
