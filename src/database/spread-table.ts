import sql, { empty, raw, type Sql } from "sql-template-tag";
import type { Capabilities } from "../contracts/database.ts";
import { identifier, quotedName } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";

interface Spread {
  readonly shards: number | null;
}

/** The end of `CREATE TABLE`. Citus makes its pieces from a whole table, Postgres its partitions from one that says so. */
export function partitioning({ shards }: Spread, { citus }: Capabilities): Sql {
  return shards === null || citus ? empty : sql` PARTITION BY HASH (id)`;
}

/** What makes the pieces. */
export function spreading(target: SearchTarget, { shards }: Spread, { citus }: Capabilities): Sql[] {
  if (shards === null) return [];
  const table = quotedName(target.schema, target.table);
  if (citus) return [sql`SELECT create_distributed_table(${table}, 'id', shard_count => ${shards})`];
  return Array.from({ length: shards }, (_, piece) => {
    const name = identifier(target.schema, `${target.table}_${piece}`);
    return sql`CREATE TABLE ${name} PARTITION OF ${raw(table)} FOR VALUES WITH (MODULUS ${raw(String(shards))}, REMAINDER ${raw(String(piece))})`;
  });
}
