import sql, { type Sql } from "sql-template-tag";
import {
  approximate,
  distanceTo,
  type KeywordArm,
  keywordArm,
  type SemanticArm,
  semanticArm,
  table,
  where,
} from "./arms.ts";
import { unitScoreOfDistance } from "./distance.ts";
import { fieldExpression } from "./field-expression.ts";
import { keywordScore } from "./keyword-score.ts";
import { needsMainPlan } from "./materialized.ts";
import type { SearchTarget } from "./search-target.ts";
import { compileEquality } from "./where-equality.ts";

/** One space of a multimodal search, in SQL. */
export interface SpaceArm {
  /** Rows with the `id` of the space's best documents, at most `k`. */
  readonly candidates: Sql;
  /** The document's score over the columns of the table, at least 0: on 0..1, or to be put there by `normalise`. */
  readonly score: Sql;
  /** `best`: divided by the best of all candidates. `none`: on 0..1 as it is. */
  readonly normalise: "best" | "none";
  /** Whether a vector index could have given fewer candidates than there are; null where no vector is compared. */
  readonly approximate: Sql | undefined;
  /** What comes from its candidates is not materialised either, up to the statement itself. */
  readonly isInMainPlan?: boolean;
}

export interface FieldArm {
  readonly field: readonly string[];
  readonly k: number;
  readonly filter: Sql | undefined;
}

const MS_PER_DAY = 86_400_000;

/** Nearness of two vectors. */
export function vectorSpace(target: SearchTarget, arm: SemanticArm): SpaceArm {
  return {
    candidates: semanticArm(target, arm),
    score: unitScoreOfDistance(target.distance, sql`(${distanceTo(target, arm.vector)})`),
    normalise: "none",
    approximate: approximate(target, arm.exact),
  };
}

/** The keyword score, as a share of the best one. */
export function keywordSpace(target: SearchTarget, arm: KeywordArm, phrase: Sql | undefined): SpaceArm {
  const score = keywordScore(target, arm.query);
  return {
    candidates: keywordArm(target, arm),
    score: phrase === undefined ? score : sql`CASE WHEN ${phrase} THEN ${score} ELSE 0 END`,
    normalise: "best",
    approximate: undefined,
    isInMainPlan: needsMainPlan(target),
  };
}

/** `lower`: from 1 at `min` to 0 at `max`; `higher`: the reverse; both stay at their end beyond the range. */
export function numberSpace(
  target: SearchTarget,
  { field, k, filter, min, max, prefer }: FieldArm & { min: number; max: number; prefer: "lower" | "higher" },
): SpaceArm {
  const value = fieldExpression(field, "number");
  const share = sql`(${value} - ${String(min)}::numeric) / (${String(max)}::numeric - ${String(min)}::numeric)`;
  const order = prefer === "lower" ? sql`${value}` : sql`${value} DESC`;
  return {
    candidates: sql`SELECT id FROM ${table(target)}${where(sql`${value} IS NOT NULL`, filter)} ORDER BY ${order}, id LIMIT ${k}`,
    score: unit(prefer === "lower" ? sql`1 - ${share}` : share),
    normalise: "none",
    approximate: undefined,
  };
}

/** 1 at `near`, 0 from `range` away on. The nearest are those above and those below, each in the order of an index. */
export function nearestNumberSpace(
  target: SearchTarget,
  { field, k, filter, near, range }: FieldArm & { near: number; range: number },
): SpaceArm {
  const value = fieldExpression(field, "number");
  const wanted = sql`${String(near)}::numeric`;
  const side = (condition: Sql, order: Sql) =>
    sql`(SELECT id, ${value} AS value FROM ${table(target)}${where(condition, filter)} ORDER BY ${order}, id LIMIT ${k})`;
  const above = side(sql`${value} >= ${wanted}`, value);
  const below = side(sql`${value} < ${wanted}`, sql`${value} DESC`);
  return {
    candidates: sql`SELECT id FROM (${above} UNION ALL ${below}) AS sides ORDER BY abs(value - ${wanted}), id LIMIT ${k}`,
    score: unit(sql`1 - abs(${value} - ${wanted}) / ${String(range)}::numeric`),
    normalise: "none",
    approximate: undefined,
  };
}

/** 1 for any of the values, else 0. */
export function categorySpace(
  target: SearchTarget,
  { name, field, k, filter, values }: FieldArm & { name: string; values: readonly (string | number | boolean)[] },
): SpaceArm {
  const isOneOf = compileEquality(name, field, "$in", values);
  return {
    candidates: sql`SELECT id FROM ${table(target)}${where(isOneOf, filter)} ORDER BY id LIMIT ${k}`,
    score: sql`CASE WHEN ${isOneOf} THEN 1 ELSE 0 END`,
    normalise: "none",
    approximate: undefined,
  };
}

/** `exp(-age / decayDays)`; 1 for what is dated later than `now`. */
export function recencySpace(
  target: SearchTarget,
  { field, k, filter, now, decayDays }: FieldArm & { now: Date; decayDays: number },
): SpaceArm {
  const at = fieldExpression(field, "date");
  const age = sql`greatest(0, ${String(now.getTime())}::float8 - ${at}) / ${String(decayDays * MS_PER_DAY)}::float8`;
  return {
    candidates: sql`SELECT id FROM ${table(target)}${where(sql`${at} IS NOT NULL`, filter)} ORDER BY ${at} DESC, id LIMIT ${k}`,
    // Postgres refuses to compute an exponential that is too small for a float8.
    score: sql`CASE WHEN ${at} IS NULL THEN 0 ELSE exp(0 - least(700, ${age})) END`,
    normalise: "none",
    approximate: undefined,
  };
}

/** `greatest` passes over null, so a missing field scores 0. */
function unit(share: Sql): Sql {
  return sql`least(1, greatest(0, ${share}))`;
}
