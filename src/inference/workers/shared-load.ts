import { setMaxListeners } from "node:events";
import { untilAborted } from "./until-aborted.ts";

interface Loading<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
  settled: boolean;
}

/**
 * Loads once for any number of callers. A caller's abort ends only its own wait; when nobody waits any more, the load
 * itself is aborted. A failure is forgotten, so that the next call tries again.
 */
export class SharedLoad<T> {
  readonly #load: (signal: AbortSignal) => Promise<T>;
  #loading: Loading<T> | undefined;

  constructor(load: (signal: AbortSignal) => Promise<T>) {
    this.#load = load;
  }

  async get(signal: AbortSignal): Promise<T> {
    return untilAborted(signal, async () => {
      this.#loading ??= this.#start();
      const loading = this.#loading;
      loading.waiting++;
      const leave = () => this.#leave(loading, signal.reason);
      signal.addEventListener("abort", leave, { once: true });
      try {
        return await loading.promise;
      } finally {
        signal.removeEventListener("abort", leave);
      }
    });
  }

  /** Stops a load that is under way and gives what was loaded, if anything was. */
  async stop(reason: Error): Promise<T | undefined> {
    const loading = this.#loading;
    this.#loading = undefined;
    loading?.controller.abort(reason);
    // A failed load has left nothing to release; its callers were told.
    return loading?.promise.catch(() => undefined);
  }

  #start(): Loading<T> {
    const controller = new AbortController();
    // What is loaded may be many workers, which listen some times each; Node.js would warn of eleven.
    setMaxListeners(0, controller.signal);
    const promise = this.#load(controller.signal);
    const loading: Loading<T> = { promise, controller, waiting: 0, settled: false };
    promise.then(
      () => {
        loading.settled = true;
      },
      () => {
        loading.settled = true;
        if (this.#loading === loading) this.#loading = undefined;
      },
    );
    return loading;
  }

  #leave(loading: Loading<T>, reason: unknown): void {
    loading.waiting--;
    if (loading.waiting > 0 || loading.settled) return;
    if (this.#loading === loading) this.#loading = undefined;
    loading.controller.abort(reason);
  }
}
