import sql, { type Sql } from "sql-template-tag";
import { approximate, type KeywordArm, keywordArm, type SemanticArm, semanticArm, table } from "./arms.ts";
import { type FusionPlan, fuse } from "./fuse.ts";
import { materialized, needsMainPlan } from "./materialized.ts";
import type { SearchTarget } from "./search-target.ts";

/** A candidate as every search statement returns it. A stage that did not see it, or that was not asked, is null or absent. */
export interface CandidateRow {
  readonly id: string;
  readonly content: string;
  readonly metadata: unknown;
  readonly distance?: number | null;
  readonly semantic_rank?: number | null;
  readonly bm25?: number | null;
  readonly keyword_rank?: number | null;
  readonly similarity?: number | null;
  readonly trigram_rank?: number | null;
  /** Of a fuzzy search by words: whether there are documents that it has not compared. */
  readonly partial?: boolean | null;
  /** Of a multimodal search, in the order of its arms. */
  readonly space_scores?: readonly number[];
  readonly space_ranks?: readonly number[];
  /** The fused score; null unless hybrid or multimodal. */
  readonly fused?: number | null;
  /** How many candidates the semantic arm found in all; of several such arms, the one that found fewest. */
  readonly semantic_count: number;
  /** Whether a vector index could have been used. */
  readonly approximate: boolean;
}

export function semanticStatement(target: SearchTarget, arm: SemanticArm): Sql {
  return sql`WITH semantic AS MATERIALIZED (${semanticArm(target, arm)}) SELECT d.id, d.content, d.metadata, s.distance, s.rank AS semantic_rank, NULL AS bm25, NULL AS keyword_rank, NULL AS fused, (SELECT count(*) FROM semantic) AS semantic_count, ${approximate(target, arm.exact)} AS approximate FROM semantic AS s JOIN ${table(target)} AS d ON d.id = s.id ORDER BY s.rank`;
}

export function keywordStatement(target: SearchTarget, arm: KeywordArm): Sql {
  return sql`WITH keyword AS ${materialized(needsMainPlan(target))} (${keywordArm(target, arm)}) SELECT d.id, d.content, d.metadata, NULL AS distance, NULL AS semantic_rank, k.bm25, k.rank AS keyword_rank, NULL AS fused, 0 AS semantic_count, false AS approximate FROM keyword AS k JOIN ${table(target)} AS d ON d.id = k.id ORDER BY k.rank`;
}

/** @param rows as `trigramArm` and `wordArm` have them */
export function trigramStatement(target: SearchTarget, rows: Sql): Sql {
  return sql`WITH trigram AS MATERIALIZED (${rows}) SELECT d.id, d.content, d.metadata, t.similarity, t.rank AS trigram_rank, t.partial, 0 AS semantic_count, false AS approximate FROM trigram AS t JOIN ${table(target)} AS d ON d.id = t.id ORDER BY t.rank`;
}

/** Both arms and their fusion; ties are broken by the best rank in either arm and then by id. */
export function hybridStatement(
  target: SearchTarget,
  semantic: SemanticArm,
  keyword: KeywordArm,
  fusion: FusionPlan,
): Sql {
  const fused = sql`${fuse(target.distance, fusion, keyword.k)} ORDER BY fused DESC, best_rank, id LIMIT ${fusion.k}`;
  return sql`WITH semantic AS MATERIALIZED (${semanticArm(target, semantic)}), keyword AS ${materialized(needsMainPlan(target))} (${keywordArm(target, keyword)}), fused AS ${materialized(needsMainPlan(target))} (${fused}) SELECT d.id, d.content, d.metadata, f.distance, f.semantic_rank, f.bm25, f.keyword_rank, f.fused, (SELECT count(*) FROM semantic) AS semantic_count, ${approximate(target, semantic.exact)} AS approximate FROM fused AS f JOIN ${table(target)} AS d ON d.id = f.id ORDER BY f.fused DESC, f.best_rank, f.id`;
}
