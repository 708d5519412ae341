import type { Sql } from "sql-template-tag";
import { checkInteger, checkNotNegative, checkOptionNames, invalidArgument } from "../check-options.ts";
import type { SpaceRecord } from "../database/space-columns.ts";
import { compileWhere } from "../search/compile-where.ts";
import type { FusionPlan } from "../search/fuse.ts";
import { type PlannedSpace, planSpaces } from "./plan-spaces.ts";

export type SearchMethod = "semantic" | "keyword" | "hybrid" | "trigram" | "multimodal";

/** A first stage with every choice made. */
export interface RetrievalPlan extends FusionPlan {
  readonly method: SearchMethod;
  readonly filter: Sql | undefined;
  readonly exact: boolean;
  readonly match: "any" | "phrase";
  readonly minSimilarity: number;
  readonly spaces: readonly PlannedSpace[];
}

export interface PlanSettings {
  readonly defaultK: number;
  /** The collection's spaces. */
  readonly spaces: readonly SpaceRecord[];
  /** What meaning counts in a hybrid search that does not say: the embedder's `hybridWeight`. Default 0.95. */
  readonly hybridWeight?: number | undefined;
  /** Options of the caller that are none of the first stage's. */
  readonly ownNames?: readonly string[] | undefined;
}

export const MAX_K = 10_000;
const DEFAULT_RANK_CONSTANT = 60;
const DEFAULT_MIN_SIMILARITY = 0.3;
/** Below 1, so that the one document with a rare word stays above those that mean something alike: docs/searching.md. */
const DEFAULT_HYBRID_WEIGHT = 0.95;

const COMMON_NAMES = ["k", "where", "signal", "timeoutMs"];
const NAMES_OF: Readonly<Record<SearchMethod, readonly string[]>> = {
  keyword: [...COMMON_NAMES, "match"],
  semantic: [...COMMON_NAMES, "exact"],
  hybrid: [...COMMON_NAMES, "exact", "match", "weights", "fusion", "rankConstant"],
  trigram: [...COMMON_NAMES, "exact", "minSimilarity"],
  multimodal: [...COMMON_NAMES, "exact", "match", "weights", "spaces"],
};

/**
 * Checks a search's options and fills in the defaults.
 *
 * @throws PgVectorDBError `invalid_argument`
 */
export function planRetrieval(method: SearchMethod, options: object, settings: PlanSettings): RetrievalPlan {
  checkOptionNames(options, [...NAMES_OF[method], ...(settings.ownNames ?? [])]);
  const { k, where, exact, match, minSimilarity, weights, fusion, rankConstant, spaces } = options as Record<
    string,
    unknown
  >;
  checkInteger("k", k, { min: 1, max: MAX_K });
  if (exact !== undefined && typeof exact !== "boolean") throw invalidArgument("`exact` must be true or false.");
  if (match !== undefined && match !== "any" && match !== "phrase") {
    throw invalidArgument("`match` must be one of: any, phrase.");
  }
  if (minSimilarity !== undefined && !(isFiniteNumber(minSimilarity) && minSimilarity > 0 && minSimilarity <= 1)) {
    throw invalidArgument("`minSimilarity` must be a number above 0, up to 1.");
  }
  const asked = planSpaces(spaces, settings.spaces);
  return {
    method,
    k: (k as number | undefined) ?? settings.defaultK,
    filter: compileWhere(where),
    exact: exact ?? false,
    match: match ?? "any",
    minSimilarity: minSimilarity ?? DEFAULT_MIN_SIMILARITY,
    ...planWeights(weights, {
      semantic: method === "hybrid" ? (settings.hybridWeight ?? DEFAULT_HYBRID_WEIGHT) : 1,
      hasOthers: asked.length > 0,
    }),
    fusion: planFusion(fusion, rankConstant),
    spaces: asked,
  };
}

/** @throws PgVectorDBError `invalid_argument` that lists the methods */
export function checkMethod(method: unknown): SearchMethod {
  if (method === undefined) return "hybrid";
  if (typeof method === "string" && Object.hasOwn(NAMES_OF, method)) return method as SearchMethod;
  throw invalidArgument(`\`method\` must be one of: ${Object.keys(NAMES_OF).join(", ")}.`);
}

function planFusion(fusion: unknown, rankConstant: unknown): RetrievalPlan["fusion"] {
  checkNotNegative("rankConstant", rankConstant);
  if (fusion === undefined) return rankConstant === undefined ? { kind: "weighted" } : { kind: "rrf", rankConstant };
  if (rankConstant !== undefined) throw invalidArgument("Pass `fusion` or `rankConstant`, not both.");
  if (typeof fusion !== "object" || fusion === null) throw invalidArgument("`fusion` must be an object with a `kind`.");
  const { kind, rankConstant: own } = fusion as { kind?: unknown; rankConstant?: unknown };
  if (kind !== "rrf" && kind !== "weighted") throw invalidArgument("`fusion.kind` must be one of: rrf, weighted.");
  checkOptionNames(fusion, kind === "rrf" ? ["kind", "rankConstant"] : ["kind"]);
  checkNotNegative("fusion.rankConstant", own);
  return kind === "rrf" ? { kind, rankConstant: own ?? DEFAULT_RANK_CONSTANT } : { kind };
}

interface WeightDefaults {
  readonly semantic: number;
  /** Whether something else counts, so that both may be 0. */
  readonly hasOthers: boolean;
}

function planWeights(
  weights: unknown,
  defaults: WeightDefaults,
): Pick<RetrievalPlan, "semanticWeight" | "keywordWeight"> {
  if (weights === undefined) return { semanticWeight: defaults.semantic, keywordWeight: 1 };
  if (typeof weights !== "object" || weights === null) throw invalidArgument("`weights` must be an object.");
  const unknown = Object.keys(weights).find((name) => name !== "semantic" && name !== "keyword");
  if (unknown !== undefined) throw invalidArgument("`weights` has an unknown arm. Known: semantic, keyword.");
  const { semantic = defaults.semantic, keyword = 1 } = weights as { semantic?: unknown; keyword?: unknown };
  if (
    !isFiniteNumber(semantic) ||
    !isFiniteNumber(keyword) ||
    semantic < 0 ||
    keyword < 0 ||
    (semantic + keyword === 0 && !defaults.hasOthers)
  ) {
    throw invalidArgument("`weights` must be numbers of at least 0, and not both 0.");
  }
  return { semanticWeight: semantic, keywordWeight: keyword };
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
