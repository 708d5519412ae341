import sql, { type Sql } from "sql-template-tag";
import type { Queryable } from "../contracts/database.ts";
import { operatorClass } from "../search/distance.ts";
import { quotedName } from "../search/identifier.ts";
import type { TableView } from "./attach-table.ts";
import { inspectTable } from "./inspect-table.ts";
import { maxIndexedDimensions } from "./vector-index.ts";

/** An index that would serve, and others that would do as well. */
interface Wanted {
  readonly index: Sql;
  readonly orElse: readonly Sql[];
}

/** `CREATE INDEX` statements for what searches of this table use and have no index for. */
export async function suggestIndexes(database: Queryable, view: TableView, signal: AbortSignal): Promise<string[]> {
  const { schema, name, canHaveIndexes } = view.table;
  if (!canHaveIndexes) return [];
  const { indexes } = await inspectTable(database, quotedName(schema, name), signal);
  const present = indexes.map(comparable);
  return wantedIndexes(view)
    .filter(({ index, orElse }) => ![index, ...orElse].some(({ text }) => isAmong(present, text)))
    .map(({ index }) => `CREATE INDEX CONCURRENTLY ON ${quotedName(schema, name)} USING ${index.text};`);
}

function wantedIndexes({ target, columns: { embedding, metadata, terms } }: TableView): Wanted[] {
  const wanted: Wanted[] = [{ index: sql`gin (${terms})`, orElse: [] }];
  if (embedding !== undefined && target.dimensions <= maxIndexedDimensions(target.storage)) {
    const column = sql`(${embedding} ${operatorClass(target.distance, target.storage)})`;
    wanted.unshift({ index: sql`hnsw ${column}`, orElse: [sql`ivfflat ${column}`] });
  }
  if (metadata !== undefined) {
    wanted.push({ index: sql`gin (${metadata} jsonb_path_ops)`, orElse: [sql`gin (${metadata})`] });
  }
  return wanted;
}

function isAmong(definitions: readonly string[], index: string): boolean {
  const wanted = `using${comparable(index)}`;
  return definitions.some((definition) => definition.endsWith(wanted) || definition.includes(`${wanted}with`));
}

/** Postgres writes an index's definition with its own quotes, parentheses and spaces. */
function comparable(definition: string): string {
  return definition
    .replaceAll(/["()\s]/g, "")
    .replaceAll("USING", "using")
    .replaceAll("WITH", "with");
}
