export interface CacheOptions {
  /** How much may be kept, in bytes (estimated, bookkeeping included). Default 16 MiB: about 70,000 scores. */
  readonly maxBytes?: number | undefined;
  /** How long an entry counts, in milliseconds. Default one hour. */
  readonly ttlMs?: number | undefined;
}

interface Entry {
  readonly scores: readonly number[];
  readonly bytes: number;
  readonly expiresAt: number;
}

/** A map entry, its key's string and the entry object, as V8 lays them out. */
const ENTRY_OVERHEAD_BYTES = 180;

/** Keeps the scores used last, up to a number of bytes and for a time. */
export class LruCache {
  // A Map iterates in insertion order, so its first key is the one used longest ago.
  readonly #entries = new Map<string, Entry>();
  readonly #maxBytes: number;
  readonly #ttlMs: number;
  readonly #now: () => number;
  #bytes = 0;

  constructor(options: CacheOptions = {}, now: () => number = () => performance.now()) {
    this.#maxBytes = options.maxBytes ?? 16 * 2 ** 20;
    this.#ttlMs = options.ttlMs ?? 3_600_000;
    this.#now = now;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): readonly number[] | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.delete(key);
    if (entry.expiresAt <= this.#now()) return undefined;
    this.#insert(key, entry);
    return entry.scores;
  }

  set(key: string, scores: readonly number[]): void {
    this.delete(key);
    const bytes = key.length + 8 * scores.length + ENTRY_OVERHEAD_BYTES;
    if (bytes > this.#maxBytes) return;
    this.#insert(key, { scores, bytes, expiresAt: this.#now() + this.#ttlMs });
    while (this.#bytes > this.#maxBytes) this.delete(this.#entries.keys().next().value as string);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #insert(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }
}
