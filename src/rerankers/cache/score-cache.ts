import { throwIfAborted } from "../../deadline.ts";
import { PgVectorDBError } from "../../errors.ts";
import { type CacheOptions, LruCache } from "./lru-cache.ts";

export interface CachedScores {
  /** `scores[i]` belongs to `keys[i]`. */
  readonly scores: readonly (readonly number[])[];
  /** How many of the keys needed no request of this call's own. */
  readonly hits: number;
}

type Scores = readonly number[];

/** Remembers scores by key, and makes concurrent requests for the same key once. */
export class ScoreCache {
  readonly #kept: LruCache;
  readonly #underWay = new Map<string, Promise<Scores>>();

  constructor(options: CacheOptions = {}, now?: () => number) {
    this.#kept = new LruCache(options, now);
  }

  get bytes(): number {
    return this.#kept.bytes;
  }

  /**
   * @param load gets positions in `keys`, each key once, and answers in that order
   * @throws what `load` throws, also when another call's `load` was waited for; but not that call's abort or time-out
   */
  async getAll(
    keys: readonly string[],
    signal: AbortSignal,
    load: (positions: readonly number[]) => Promise<readonly Scores[]>,
  ): Promise<CachedScores> {
    const found = new Map<string, Scores>();
    let loaded = 0;
    while (true) {
      throwIfAborted(signal);
      const missing: number[] = [];
      const waiting: Promise<void>[] = [];
      const wanted = new Set<string>();
      for (const [position, key] of keys.entries()) {
        if (found.has(key) || wanted.has(key)) continue;
        const kept = this.#kept.get(key);
        if (kept !== undefined) {
          found.set(key, kept);
          continue;
        }
        wanted.add(key);
        const other = this.#underWay.get(key);
        if (other === undefined) missing.push(position);
        else waiting.push(other.then((scores) => void found.set(key, scores)).catch(ignoreOthersAbort));
      }
      if (wanted.size === 0) break;
      loaded += missing.length;
      if (missing.length > 0) waiting.push(this.#load(keys, missing, load, found));
      await Promise.all(waiting);
    }
    return { scores: keys.map((key) => found.get(key) as Scores), hits: keys.length - loaded };
  }

  clear(): void {
    this.#kept.clear();
  }

  async #load(
    keys: readonly string[],
    positions: readonly number[],
    load: (positions: readonly number[]) => Promise<readonly Scores[]>,
    found: Map<string, Scores>,
  ): Promise<void> {
    const batch = load(positions);
    for (const [at, position] of positions.entries()) {
      const one = batch.then((scores) => scores[at] as Scores);
      // Who waits for it hears of the failure; without a waiter, this call does.
      one.catch(() => undefined);
      this.#underWay.set(keys[position] as string, one);
    }
    try {
      for (const [at, scores] of (await batch).entries()) {
        const key = keys[positions[at] as number] as string;
        this.#kept.set(key, scores);
        found.set(key, scores);
      }
    } finally {
      for (const position of positions) this.#underWay.delete(keys[position] as string);
    }
  }
}

/** @throws PgVectorDBError `invalid_argument` */
export function createScoreCache(cache: boolean | CacheOptions | undefined): ScoreCache | undefined {
  if (cache === undefined || cache === false) return undefined;
  if (cache === true) return new ScoreCache();
  const { maxBytes, ttlMs, ...unknown } = cache;
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined) throw invalid(`Unknown option \`cache.${stranger}\`. Known: maxBytes, ttlMs.`);
  for (const [name, value] of Object.entries({ maxBytes, ttlMs })) {
    if (value !== undefined && !(typeof value === "number" && value > 0)) {
      throw invalid(`\`cache.${name}\` must be a positive number.`);
    }
  }
  return new ScoreCache(cache);
}

/** The other call gave up for reasons of its own: its keys are looked at again. Any other failure would be this call's too. */
function ignoreOthersAbort(error: unknown): void {
  if (error instanceof PgVectorDBError && (error.code === "aborted" || error.code === "timeout")) return;
  throw error;
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
