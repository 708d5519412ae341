import { raw, type Sql } from "sql-template-tag";
import type { Distance } from "../contracts/collection.ts";

export const DISTANCES: readonly Distance[] = ["cosine", "l2", "inner_product"];

interface DistanceSql {
  readonly operator: Sql;
  readonly operatorClass: Sql;
  /** From what the operator gives (lower is better) to a score (higher is better). */
  readonly toScore: (distance: number) => number;
}

const SQL_OF: Readonly<Record<Distance, DistanceSql>> = {
  cosine: { operator: raw("<=>"), operatorClass: raw("vector_cosine_ops"), toScore: (distance) => 1 - distance },
  l2: { operator: raw("<->"), operatorClass: raw("vector_l2_ops"), toScore: (distance) => 1 / (1 + distance) },
  // pgvector's `<#>` is the negative inner product.
  inner_product: { operator: raw("<#>"), operatorClass: raw("vector_ip_ops"), toScore: (distance) => 0 - distance },
};

export function distanceSql(distance: Distance): DistanceSql {
  return SQL_OF[distance];
}
