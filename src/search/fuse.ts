import sql, { type Sql } from "sql-template-tag";
import type { Distance } from "../contracts/collection.ts";
import { scoreOfDistance } from "./distance.ts";

/** A hybrid search's fusion with every choice made. */
export interface FusionPlan {
  readonly k: number;
  readonly semanticWeight: number;
  readonly keywordWeight: number;
  readonly fusion: { readonly kind: "rrf"; readonly rankConstant: number } | { readonly kind: "weighted" };
}

/** Rows `(id, distance, semantic_rank, bm25, keyword_rank, fused, best_rank)` of the CTEs `semantic` and `keyword`, which have up to `armSize` rows. */
export function fuse(distance: Distance, plan: FusionPlan, armSize: number): Sql {
  return plan.fusion.kind === "rrf" ? fuseByRank(plan, plan.fusion.rankConstant) : fuseByScore(distance, plan, armSize);
}

/** Reciprocal rank fusion: `sum of weight / (rankConstant + rank)` (Cormack, Clarke and Büttcher, SIGIR 2009). */
function fuseByRank({ semanticWeight, keywordWeight }: FusionPlan, rankConstant: number): Sql {
  const share = (weight: number, rank: Sql) =>
    sql`coalesce(${weight}::float8 / (${rankConstant}::float8 + ${rank}), 0)`;
  return sql`SELECT id, s.distance, s.rank AS semantic_rank, k.bm25, k.rank AS keyword_rank, ${share(semanticWeight, sql`s.rank`)} + ${share(keywordWeight, sql`k.rank`)} AS fused, least(s.rank, k.rank) AS best_rank FROM semantic AS s FULL OUTER JOIN keyword AS k USING (id)`;
}

/**
 * The convex combination of min-max normalised scores (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
 * Retrieval", ACM TOIS 2023). A document that an arm did not find is no better there than the last that it did, so the scale begins
 * at that one's score; where an arm has found all that have any of the words, the others have none of them, and it begins at 0. An
 * arm whose scores are all the same finds all of its documents equally good: 1.
 */
function fuseByScore(distance: Distance, { semanticWeight, keywordWeight }: FusionPlan, armSize: number): Sql {
  const total = semanticWeight + keywordWeight;
  const share = (weight: number, score: Sql) => sql`${weight / total}::float8 * coalesce(${score}, 0)`;
  const lowest = sql`min(score) OVER ()`;
  const semantic = normalised(sql`semantic`, sql`distance`, scoreOfDistance(distance, sql`distance`), lowest);
  const lowestOfWords = sql`CASE WHEN count(*) OVER () < ${armSize} THEN 0 ELSE ${lowest} END`;
  const keyword = normalised(sql`keyword`, sql`bm25`, sql`0 - bm25`, lowestOfWords);
  return sql`SELECT id, s.distance, s.rank AS semantic_rank, k.bm25, k.rank AS keyword_rank, ${share(semanticWeight, sql`s.unit`)} + ${share(keywordWeight, sql`k.unit`)} AS fused, least(s.rank, k.rank) AS best_rank FROM (${semantic}) AS s FULL OUTER JOIN (${keyword}) AS k USING (id)`;
}

function normalised(arm: Sql, raw: Sql, score: Sql, low: Sql): Sql {
  const scored = sql`SELECT id, ${raw}, rank, ${score} AS score FROM ${arm}`;
  const range = sql`SELECT *, ${low} AS low, max(score) OVER () AS high FROM (${scored}) AS scored`;
  return sql`SELECT id, ${raw}, rank, CASE WHEN high > low THEN (score - low) / (high - low) ELSE 1 END AS unit FROM (${range}) AS ranged`;
}
