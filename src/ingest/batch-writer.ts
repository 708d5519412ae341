import type { CollectionContext } from "../collection-context.ts";
import type { PreparedBatch } from "./prepare-batch.ts";
import { writeBatch } from "./write-batch.ts";

/** Writes one batch at a time, in their order; a batch is held until it is told to begin. */
export class BatchWriter {
  readonly #context: CollectionContext;
  readonly #signal: AbortSignal;
  readonly #onWritten: (batch: PreparedBatch) => void;
  #held: PreparedBatch | undefined;
  #writing: Promise<void> = Promise.resolve();
  #ids: ReadonlySet<string> = new Set();

  constructor(context: CollectionContext, signal: AbortSignal, onWritten: (batch: PreparedBatch) => void) {
    this.#context = context;
    this.#signal = signal;
    this.#onWritten = onWritten;
  }

  /** Whether a document with this id is held or being written, so that the database does not have it yet. */
  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Takes the next batch, once the one before is written. */
  hold(batch: PreparedBatch): void {
    this.#held = batch;
    this.#ids = new Set(batch.ids);
  }

  /** Begins to write what is held. */
  start(): void {
    const batch = this.#held;
    if (batch === undefined) return;
    this.#held = undefined;
    this.#writing = this.#write(batch);
    // Told by `finish`; a failure until then is not an unhandled one.
    this.#writing.catch(() => {});
  }

  async #write(batch: PreparedBatch): Promise<void> {
    await writeBatch(this.#context, batch, this.#signal);
    this.#onWritten(batch);
  }

  /** Resolves when everything is written. */
  async finish(): Promise<void> {
    this.start();
    await this.#writing;
  }
}
