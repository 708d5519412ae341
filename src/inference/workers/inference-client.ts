import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { throwIfAborted } from "../../deadline.ts";
import { PgVectorDBError } from "../../errors.ts";
import type { SharedModel } from "../native/native-session.ts";
import { createGateMemory, unwatchGate, watchGate } from "../sessions/native-gate.ts";
import type { PartResult } from "./run-portions.ts";
import { untilAborted } from "./until-aborted.ts";
import {
  type FromWorker,
  type InferenceTask,
  type ModelFacts,
  type SharedRequest,
  type ToWorker,
  unpackError,
  type WorkerStart,
} from "./worker-messages.ts";

interface PendingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PgVectorDBError) => void;
}

/** Stands for the loading of the model among the pending calls, whose ids start at 0. */
const LOAD = -1;

/**
 * Mebibytes. What a worker allocates in JavaScript it drops after a batch, so more room for new objects saves it nothing;
 * V8 would let them have 48 in each worker, in the course of some thousand calls.
 */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4 } as const;

/**
 * One worker thread with one loaded model. It keeps the process alive only while a call is pending, so that a script
 * which forgets `close()` still ends.
 */
export class InferenceClient<Task extends InferenceTask> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PendingCall>();
  readonly #exited: Promise<void>;
  #nextId = 0;
  #facts: ModelFacts = { dimensions: 0, shared: undefined };
  #end: PgVectorDBError | undefined;
  #isClosing = false;

  /**
   * Starts a worker and waits until its model is loaded.
   *
   * @param shared what another worker has loaded of the same model
   */
  static async start<Task extends InferenceTask>(
    setup: Task["setup"],
    signal: AbortSignal,
    shared?: SharedModel,
  ): Promise<InferenceClient<Task>> {
    throwIfAborted(signal);
    const client = new InferenceClient<Task>(setup, shared);
    try {
      await untilAborted(signal, () => client.#call(LOAD));
      return client;
    } catch (error) {
      // Not `terminate()`: ONNX Runtime aborts the whole process when its thread is stopped while it opens a model.
      void client.close();
      throw error;
    }
  }

  private constructor(setup: Task["setup"], shared: SharedModel | undefined) {
    const file = createRequire(import.meta.url).resolve("#workers/inference");
    // Not the process's own flags: a worker fails to start under `--input-type`, and hooks such as tsx only slow it.
    const start: WorkerStart = { setup, gateMemory: createGateMemory(), shared };
    this.#worker = new Worker(file, { workerData: start, execArgv: [], resourceLimits: RESOURCE_LIMITS });
    watchGate(start.gateMemory);
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        unwatchGate(start.gateMemory);
        this.#fail(crashed());
        resolve();
      });
    });
    this.#worker.on("error", (cause) => this.#fail(crashed(cause)));
    this.#worker.on("message", (message: FromWorker) => this.#receive(message));
  }

  /** Whether the worker can take calls. */
  get isAlive(): boolean {
    return this.#end === undefined;
  }

  get facts(): ModelFacts {
    return this.#facts;
  }

  /** Runs what it can take of one request. An abort rejects at once; the worker goes on until `stopCall` stops it. */
  async run(request: SharedRequest<Task>, signal: AbortSignal): Promise<readonly PartResult<Task>[]> {
    return untilAborted(signal, async () => {
      if (this.#end !== undefined) throw this.#end;
      const id = this.#nextId++;
      const result = this.#call(id);
      this.#worker.ref();
      this.#send({ type: "run", id, request });
      return (await result) as readonly PartResult<Task>[];
    });
  }

  /** Rejects what is pending with `closed`, and resolves when the thread is gone. */
  async close(): Promise<void> {
    this.#fail(new PgVectorDBError("closed", "The model was closed while this call was waiting."));
    this.#isClosing = true;
    this.#worker.ref();
    this.#send({ type: "close" });
    await this.#exited;
  }

  #call(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  #receive(message: FromWorker): void {
    if (message.type === "failed") {
      this.#fail(unpackError(message.error));
    } else if (message.type === "ready") {
      this.#facts = message;
      this.#settle(LOAD)?.resolve(undefined);
    } else if (message.type === "result") {
      this.#settle(message.id)?.resolve(message.result);
    } else {
      this.#settle(message.id)?.reject(unpackError(message.error));
    }
  }

  /**
   * Takes a call off the list; with nothing left to wait for, the thread no longer holds the process. An answer may also come when
   * nobody waits for it any more, and while the thread ends, which `close` waits for.
   */
  #settle(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0 && !this.#isClosing) this.#worker.unref();
    return call;
  }

  #fail(error: PgVectorDBError): void {
    this.#end ??= error;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}

function crashed(cause?: unknown): PgVectorDBError {
  return new PgVectorDBError(
    "inference_failed",
    "The inference worker stopped unexpectedly. The next call starts a new one.",
    { retryable: true, ...(cause === undefined ? {} : { cause }) },
  );
}
