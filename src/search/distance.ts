import sql, { raw, type Sql } from "sql-template-tag";
import type { Distance, VectorStorage } from "../contracts/collection.ts";

export const DISTANCES: readonly Distance[] = ["cosine", "l2", "inner_product"];
export const STORAGES: readonly VectorStorage[] = ["float32", "float16"];

interface DistanceSql {
  readonly operator: Sql;
  /** The end of the operator class's name, after the type's. */
  readonly operatorClass: string;
  /** From what the operator gives (lower is better) to a score (higher is better). */
  readonly toScore: (distance: number) => number;
}

const SQL_OF: Readonly<Record<Distance, DistanceSql>> = {
  cosine: { operator: raw("<=>"), operatorClass: "cosine_ops", toScore: (distance) => 1 - distance },
  l2: { operator: raw("<->"), operatorClass: "l2_ops", toScore: (distance) => 1 / (1 + distance) },
  // pgvector's `<#>` is the negative inner product.
  inner_product: { operator: raw("<#>"), operatorClass: "ip_ops", toScore: (distance) => 0 - distance },
};

export function distanceSql(distance: Distance): DistanceSql {
  return SQL_OF[distance];
}

/** The score of `toScore` in SQL. */
export function scoreOfDistance(kind: Distance, distance: Sql): Sql {
  if (kind === "cosine") return sql`1 - ${distance}`;
  return kind === "l2" ? sql`1 / (1 + ${distance})` : sql`0 - ${distance}`;
}

/**
 * A score on 0..1 for every distance, null and NaN (no vector, or one without direction) included: the cosine where it is
 * above 0, `1 / (1 + distance)`, or the logistic function of the inner product.
 */
export function unitScoreOfDistance(kind: Distance, distance: Sql): Sql {
  const known = sql`nullif(${distance}, 'NaN'::float8)`;
  // `least` and `greatest` pass over null.
  if (kind === "cosine") return sql`least(1, greatest(0, 1 - ${known}))`;
  if (kind === "l2") return sql`coalesce(1 / (1 + ${known}), 0)`;
  // Postgres refuses to compute an exponential that is too small or too large for a float8.
  return sql`CASE WHEN ${known} IS NULL THEN 0 ELSE 1 / (1 + exp(least(700, greatest(-700, ${known})))) END`;
}

/** The type of an embedding column, without its dimensions. */
export function vectorTypeName(storage: VectorStorage | undefined): "vector" | "halfvec" {
  return storage === "float16" ? "halfvec" : "vector";
}

/** As an index on the embedding column needs it. */
export function operatorClass(distance: Distance, storage: VectorStorage | undefined): Sql {
  return raw(`${vectorTypeName(storage)}_${SQL_OF[distance].operatorClass}`);
}
