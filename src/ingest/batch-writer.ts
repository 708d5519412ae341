import type { CollectionContext } from "../collection-context.ts";
import type { PreparedBatch } from "./prepare-batch.ts";
import { writeBatch } from "./write-batch.ts";

/** More gain little, and take the server's processors from whoever searches meanwhile. */
const MOST_AT_ONCE = 2;

interface HeldBatch {
  readonly batch: PreparedBatch;
  readonly ids: ReadonlySet<string>;
}

interface Writing {
  readonly ids: ReadonlySet<string>;
  /** Resolves when this batch and all before it are written, and told of. */
  readonly done: Promise<void>;
}

/**
 * Writes batches that share no id with each other: two at once where the database has a connection to spare, one at a time
 * and each held until it is told to begin where it has not. Tells of them in their order: when a batch is told of, all
 * before it are written too.
 */
export class BatchWriter {
  readonly #context: CollectionContext;
  readonly #signal: AbortSignal;
  readonly #onWritten: (batch: PreparedBatch) => void;
  readonly #connections: number;
  readonly #writing: Writing[] = [];
  #held: HeldBatch | undefined;
  #hasFailed = false;

  constructor(context: CollectionContext, signal: AbortSignal, onWritten: (batch: PreparedBatch) => void) {
    this.#context = context;
    this.#signal = signal;
    this.#onWritten = onWritten;
    this.#connections = context.database.connections ?? 1;
  }

  /** Whether a document with this id is held or being written, so that the database does not have it yet. */
  has(id: string): boolean {
    return this.#held?.ids.has(id) === true || this.#writing.some(({ ids }) => ids.has(id));
  }

  /** Takes the next batch, as soon as there is room for it. */
  async add(batch: PreparedBatch): Promise<void> {
    this.start();
    // One connection is left for the comparison of the next batch.
    const atOnce = Math.max(1, Math.min(MOST_AT_ONCE, this.#connections - 1));
    while (this.#writing.length >= atOnce || this.#hasFailed) await this.#writing[0]?.done;
    this.#held = { batch, ids: new Set(batch.ids) };
    if (this.#connections > 1) this.start();
  }

  /** Begins to write what is held. */
  start(): void {
    if (this.#held === undefined) return;
    const { batch, ids } = this.#held;
    this.#held = undefined;
    const done = this.#write(batch, this.#writing.at(-1)?.done);
    this.#writing.push({ ids, done });
    // What failed stays first in line: `add` and `finish` tell of it, and until then it is not an unhandled failure.
    done.catch(() => {
      this.#hasFailed = true;
    });
  }

  async #write(batch: PreparedBatch, before: Promise<void> | undefined): Promise<void> {
    const [written, earlier] = await Promise.allSettled([writeBatch(this.#context, batch, this.#signal), before]);
    if (earlier.status === "rejected") throw earlier.reason;
    if (written.status === "rejected") throw written.reason;
    this.#onWritten(batch);
    this.#writing.shift();
  }

  /** Resolves when everything is written. Rejects with what went wrong first, once nothing is under way any more. */
  async finish(): Promise<void> {
    this.start();
    await this.#writing.at(-1)?.done;
  }
}
