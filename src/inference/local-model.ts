import { setMaxListeners } from "node:events";
import { PgVectorDBError } from "../errors.ts";
import type { ModelProgress } from "./model-files/locate-model.ts";
import { InferencePool } from "./workers/inference-pool.ts";
import { SharedLoad } from "./workers/shared-load.ts";
import { untilAborted } from "./workers/until-aborted.ts";
import type { InferenceTask } from "./workers/worker-messages.ts";

export type ProgressListener = (progress: ModelProgress) => void;

export interface LoadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told about downloads while this call waits for the model. */
  readonly onProgress?: ProgressListener | undefined;
}

/** Finds the model's files and says how a worker loads them. */
export type PrepareSetup<Task extends InferenceTask> = (context: {
  readonly signal: AbortSignal;
  readonly onProgress: ProgressListener;
}) => Promise<Task["setup"]>;

/** Calls that may wait or run at once. Past it more waiting only makes every answer late. */
const MAX_PENDING_CALLS = 256;

export interface LocalModelHooks<Task extends InferenceTask> {
  /** Default 256. */
  readonly maxPending?: number | undefined;
  /** Runs once when the model is there, before any call does; what it throws fails the load. */
  readonly check?:
    | ((setup: Task["setup"], run: (request: Task["request"]) => Promise<Task["result"]>) => Promise<void>)
    | undefined;
}

/** A model that loads on first use into a worker thread, takes a bounded number of calls, and can be closed. */
export class LocalModel<Task extends InferenceTask> {
  readonly #pool: SharedLoad<InferencePool<Task>>;
  readonly #listeners = new Set<ProgressListener>();
  readonly #maxPending: number;
  readonly #active = new Set<AbortController>();
  #pending = 0;
  #closed: Promise<void> | undefined;

  constructor(prepare: PrepareSetup<Task>, hooks: LocalModelHooks<Task> = {}) {
    this.#maxPending = hooks.maxPending ?? MAX_PENDING_CALLS;
    const onProgress: ProgressListener = (progress) => {
      for (const listener of this.#listeners) listener(progress);
    };
    this.#pool = new SharedLoad(async (signal) => {
      const setup = await prepare({ signal, onProgress });
      const pool = new InferencePool<Task>(setup);
      try {
        await hooks.check?.(setup, (request) => pool.run(request, signal));
        return pool;
      } catch (error) {
        await pool.close(closedError());
        throw error;
      }
    });
  }

  /** Downloads and loads the model; resolves to the length of its vectors (1 for a classifier). */
  async load({ signal, onProgress }: LoadOptions = {}): Promise<number> {
    return this.#guard({ signal, onProgress }, (pool, deadline) => pool.load(deadline));
  }

  /** @throws PgVectorDBError `overloaded` (retryable), `aborted`, `closed`, `inference_failed`, or what loading throws */
  async run(request: Task["request"], options: LoadOptions = {}): Promise<Task["result"]> {
    if (this.#pending >= this.#maxPending) {
      throw new PgVectorDBError(
        "overloaded",
        `${this.#pending} calls are waiting for this model already. Try again later, or make fewer calls at once.`,
        { retryable: true },
      );
    }
    this.#pending++;
    try {
      return await this.#guard(options, (pool, deadline) => pool.run(request, deadline));
    } finally {
      this.#pending--;
    }
  }

  /** Rejects what is pending with `closed` and ends the worker thread. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const reason = closedError();
    for (const controller of this.#active) controller.abort(reason);
    const pool = await this.#pool.stop(reason);
    await pool?.close(reason);
  }

  /** Runs `work` on the loaded pool until the caller aborts or the model is closed. */
  async #guard<T>(
    { signal, onProgress }: LoadOptions,
    work: (pool: InferencePool<Task>, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closed !== undefined) throw closedError();
    // By hand and not with AbortSignal.any, whose composite signals Node 20 keeps as long as the longest-lived source.
    const controller = new AbortController();
    // Every worker listens some times, and there may be many; Node.js would warn of eleven.
    setMaxListeners(0, controller.signal);
    const abort = () => controller.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    this.#active.add(controller);
    if (onProgress !== undefined) this.#listeners.add(onProgress);
    try {
      return await untilAborted(controller.signal, async () =>
        work(await this.#pool.get(controller.signal), controller.signal),
      );
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#active.delete(controller);
      if (onProgress !== undefined) this.#listeners.delete(onProgress);
    }
  }
}

function closedError(): PgVectorDBError {
  return new PgVectorDBError("closed", "The model was closed. Make a new one to go on.");
}
