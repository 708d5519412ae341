import { raw, type Sql } from "sql-template-tag";
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

/** The type of an embedding column, without its dimensions. */
export function vectorTypeName(storage: VectorStorage | undefined): "vector" | "halfvec" {
  return storage === "float16" ? "halfvec" : "vector";
}

/** As an index on the embedding column needs it. */
export function operatorClass(distance: Distance, storage: VectorStorage | undefined): Sql {
  return raw(`${vectorTypeName(storage)}_${SQL_OF[distance].operatorClass}`);
}
