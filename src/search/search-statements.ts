import sql, { type Sql } from "sql-template-tag";
import { approximate, type KeywordArm, keywordArm, type SemanticArm, semanticArm, table } from "./arms.ts";
import type { SearchTarget } from "./search-target.ts";

/** A candidate as every search statement returns it. A stage that did not see it is null. */
export interface CandidateRow {
  readonly id: string;
  readonly content: string;
  readonly metadata: unknown;
  readonly distance: number | null;
  readonly semantic_rank: number | null;
  readonly bm25: number | null;
  readonly keyword_rank: number | null;
  /** The fused score; null unless hybrid. */
  readonly fused: number | null;
  /** How many candidates the semantic arm found in all. */
  readonly semantic_count: number;
  /** Whether a vector index could have been used. */
  readonly approximate: boolean;
}

export interface Fusion {
  readonly k: number;
  readonly semanticWeight: number;
  readonly keywordWeight: number;
  readonly rankConstant: number;
}

export function semanticStatement(target: SearchTarget, arm: SemanticArm): Sql {
  return sql`WITH semantic AS MATERIALIZED (${semanticArm(target, arm)}) SELECT d.id, d.content, d.metadata, s.distance, s.rank AS semantic_rank, NULL AS bm25, NULL AS keyword_rank, NULL AS fused, (SELECT count(*) FROM semantic) AS semantic_count, ${approximate(target, arm.exact)} AS approximate FROM semantic AS s JOIN ${table(target)} AS d ON d.id = s.id ORDER BY s.rank`;
}

export function keywordStatement(target: SearchTarget, arm: KeywordArm): Sql {
  return sql`WITH keyword AS MATERIALIZED (${keywordArm(target, arm)}) SELECT d.id, d.content, d.metadata, NULL AS distance, NULL AS semantic_rank, k.bm25, k.rank AS keyword_rank, NULL AS fused, 0 AS semantic_count, false AS approximate FROM keyword AS k JOIN ${table(target)} AS d ON d.id = k.id ORDER BY k.rank`;
}

/**
 * Both arms and their reciprocal rank fusion: `sum of weight / (rankConstant + rank)`, ties broken by the best rank in
 * either arm and then by id (Cormack, Clarke and Büttcher, SIGIR 2009).
 */
export function hybridStatement(target: SearchTarget, semantic: SemanticArm, keyword: KeywordArm, fusion: Fusion): Sql {
  const { k, semanticWeight, keywordWeight, rankConstant } = fusion;
  const share = (weight: number, rank: Sql) =>
    sql`coalesce(${weight}::float8 / (${rankConstant}::float8 + ${rank}), 0)`;
  const fused = sql`SELECT id, s.distance, s.rank AS semantic_rank, k.bm25, k.rank AS keyword_rank, ${share(semanticWeight, sql`s.rank`)} + ${share(keywordWeight, sql`k.rank`)} AS fused, least(s.rank, k.rank) AS best_rank FROM semantic AS s FULL OUTER JOIN keyword AS k USING (id) ORDER BY fused DESC, best_rank, id LIMIT ${k}`;
  return sql`WITH semantic AS MATERIALIZED (${semanticArm(target, semantic)}), keyword AS MATERIALIZED (${keywordArm(target, keyword)}), fused AS MATERIALIZED (${fused}) SELECT d.id, d.content, d.metadata, f.distance, f.semantic_rank, f.bm25, f.keyword_rank, f.fused, (SELECT count(*) FROM semantic) AS semantic_count, ${approximate(target, semantic.exact)} AS approximate FROM fused AS f JOIN ${table(target)} AS d ON d.id = f.id ORDER BY f.fused DESC, f.best_rank, f.id`;
}
