import type { Sql } from "sql-template-tag";
import { checkInteger, checkOptionNames, invalidArgument } from "../check-options.ts";
import { compileWhere } from "../search/compile-where.ts";

export type SearchMethod = "semantic" | "keyword" | "hybrid";

/** A first stage with every choice made. */
export interface RetrievalPlan {
  readonly method: SearchMethod;
  readonly k: number;
  readonly filter: Sql | undefined;
  readonly exact: boolean;
  readonly semanticWeight: number;
  readonly keywordWeight: number;
  readonly rankConstant: number;
}

export const MAX_K = 10_000;

const COMMON_NAMES = ["k", "where", "signal", "timeoutMs"];
const NAMES_OF: Readonly<Record<SearchMethod, readonly string[]>> = {
  keyword: COMMON_NAMES,
  semantic: [...COMMON_NAMES, "exact"],
  hybrid: [...COMMON_NAMES, "exact", "weights", "rankConstant"],
};

/**
 * Checks a search's options and fills in the defaults.
 *
 * @param ownNames options of the caller that are none of the first stage's
 * @throws PgVectorDBError `invalid_argument`
 */
export function planRetrieval(
  method: SearchMethod,
  options: object,
  defaultK: number,
  ownNames: readonly string[] = [],
): RetrievalPlan {
  checkOptionNames(options, [...NAMES_OF[method], ...ownNames]);
  const { k, where, exact, weights, rankConstant } = options as Record<string, unknown>;
  checkInteger("k", k, { min: 1, max: MAX_K });
  if (exact !== undefined && typeof exact !== "boolean") throw invalidArgument("`exact` must be true or false.");
  if (rankConstant !== undefined && !(isFiniteNumber(rankConstant) && rankConstant >= 0)) {
    throw invalidArgument("`rankConstant` must be a number of at least 0.");
  }
  return {
    method,
    k: (k as number | undefined) ?? defaultK,
    filter: compileWhere(where),
    exact: exact ?? false,
    ...planWeights(weights),
    rankConstant: rankConstant ?? 60,
  };
}

/** @throws PgVectorDBError `invalid_argument` that lists the methods */
export function checkMethod(method: unknown): SearchMethod {
  if (method === undefined) return "hybrid";
  if (typeof method === "string" && Object.hasOwn(NAMES_OF, method)) return method as SearchMethod;
  throw invalidArgument(`\`method\` must be one of: ${Object.keys(NAMES_OF).join(", ")}.`);
}

function planWeights(weights: unknown): Pick<RetrievalPlan, "semanticWeight" | "keywordWeight"> {
  if (weights === undefined) return { semanticWeight: 1, keywordWeight: 1 };
  if (typeof weights !== "object" || weights === null) throw invalidArgument("`weights` must be an object.");
  const unknown = Object.keys(weights).find((name) => name !== "semantic" && name !== "keyword");
  if (unknown !== undefined) throw invalidArgument("`weights` has an unknown arm. Known: semantic, keyword.");
  const { semantic = 1, keyword = 1 } = weights as { semantic?: unknown; keyword?: unknown };
  if (
    !isFiniteNumber(semantic) ||
    !isFiniteNumber(keyword) ||
    semantic < 0 ||
    keyword < 0 ||
    semantic + keyword === 0
  ) {
    throw invalidArgument("`weights` must be numbers of at least 0, and not both 0.");
  }
  return { semanticWeight: semantic, keywordWeight: keyword };
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
