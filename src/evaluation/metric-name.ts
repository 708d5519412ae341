import { PgVectorDBError } from "../errors.ts";
import { averagePrecision } from "./average-precision.ts";
import { hitRate } from "./hit-rate.ts";
import type { Judgements, RelevanceOptions } from "./judgements.ts";
import { ndcg } from "./ndcg.ts";
import { precision } from "./precision.ts";
import { recall } from "./recall.ts";
import { reciprocalRank } from "./reciprocal-rank.ts";

const METRICS = { ndcg, mrr: reciprocalRank, map: averagePrecision, recall, precision, hit_rate: hitRate } as const;

export type MetricKind = keyof typeof METRICS;

/** A metric and, after `@`, how many of the best it looks at: `ndcg@10`, `map`. */
export type MetricName = MetricKind | `${MetricKind}@${number}`;

export type Metric = (ranking: readonly string[], judgements: Judgements) => number;

/** The function that a name stands for. @throws PgVectorDBError `invalid_argument` that lists the known names */
export function metricOf(name: MetricName, { minGrade }: Pick<RelevanceOptions, "minGrade"> = {}): Metric {
  const [kind = "", cutoff, ...rest] = String(name).split("@");
  const k = cutoff === undefined ? undefined : Number(cutoff);
  const isCutoff = k === undefined || (Number.isSafeInteger(k) && k >= 1);
  if (!Object.hasOwn(METRICS, kind) || !isCutoff || rest.length > 0) {
    const known = Object.keys(METRICS).join(", ");
    throw new PgVectorDBError(
      "invalid_argument",
      `\`metrics\` must hold names such as "ndcg@10" or "map". Known: ${known}, each with or without @k.`,
    );
  }
  const metric = METRICS[kind as MetricKind];
  return (ranking, judgements) => metric(ranking, judgements, { k, minGrade });
}
