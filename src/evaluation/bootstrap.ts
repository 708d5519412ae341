import { PgVectorDBError } from "../errors.ts";

export interface BootstrapOptions {
  /** How often the queries are drawn again. Default 10,000. */
  readonly samples?: number | undefined;
  /** Share of the draws that the interval holds. Default 0.95. */
  readonly confidence?: number | undefined;
  /** The same seed gives the same interval. Default 1. */
  readonly seed?: number | undefined;
}

/** A mean and the interval that holds it with the asked confidence. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The mean of per-query values with its percentile bootstrap interval.
 *
 * @throws PgVectorDBError `invalid_argument`
 */
export function bootstrap(values: readonly number[], options: BootstrapOptions = {}): Estimate {
  const { samples = 10_000, confidence = 0.95, seed = 1 } = options;
  checkBootstrap(values, samples, confidence, seed);
  const random = randomFrom(seed);
  const means = new Float64Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw++) sum += values[Math.floor(random() * values.length)] as number;
    means[sample] = sum / values.length;
  }
  means.sort();
  const tail = (1 - confidence) / 2;
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    low: means[Math.floor(tail * (samples - 1))] as number,
    high: means[Math.ceil((1 - tail) * (samples - 1))] as number,
  };
}

/**
 * The mean of `after[i] - before[i]`, where both belong to the same query, with its percentile bootstrap interval: an
 * interval that leaves out 0 says that the two differ.
 *
 * Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; for rankings, Sakai, SIGIR 2006.
 *
 * @throws PgVectorDBError `invalid_argument`
 */
export function pairedBootstrap(
  before: readonly number[],
  after: readonly number[],
  options: BootstrapOptions = {},
): Estimate {
  if (!Array.isArray(before) || !Array.isArray(after) || before.length !== after.length) {
    throw invalid("`before` and `after` must be arrays of the same length, one value per query.");
  }
  return bootstrap(
    after.map((value: number, index) => value - (before[index] as number)),
    options,
  );
}

function checkBootstrap(values: unknown, samples: number, confidence: number, seed: number): void {
  // Spread, because `every` steps over the holes of an array.
  if (!Array.isArray(values) || values.length === 0 || ![...values].every(Number.isFinite)) {
    throw invalid("`values` must be an array of finite numbers, one per query, and not empty.");
  }
  if (!Number.isSafeInteger(samples) || samples < 1) throw invalid("`samples` must be a positive integer.");
  if (!(confidence > 0 && confidence < 1)) throw invalid("`confidence` must be between 0 and 1.");
  if (!Number.isSafeInteger(seed)) throw invalid("`seed` must be an integer.");
}

/** Numbers on 0..1 from a 32-bit counter that is scrambled by the finaliser of MurmurHash3. */
function randomFrom(seed: number): () => number {
  let counter = seed >>> 0;
  return () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let bits = counter;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
