import sql, { join, type Sql } from "sql-template-tag";
import type { AttachOptions } from "../contracts/attach.ts";
import type { Distance, VectorStorage } from "../contracts/collection.ts";
import type { Capabilities, OpenDatabase } from "../contracts/database.ts";
import { PgVectorDBError } from "../errors.ts";
import { ATTACHED } from "../search/arms.ts";
import { identifier, textLiteral } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { type InspectedColumn, type InspectedTable, inspectTable, quotedTableName } from "./inspect-table.ts";

/** An existing table as searches read it. */
export interface TableView {
  readonly table: InspectedTable;
  readonly target: SearchTarget;
  /** The columns, quoted; `terms` is what a full-text index has to be on. */
  readonly columns: { readonly embedding: Sql | undefined; readonly metadata: Sql | undefined; readonly terms: Sql };
}

export type TableChoice = Pick<AttachOptions, "table" | "id" | "content" | "embedding" | "metadata"> & {
  readonly distance: Distance;
  readonly language: string;
  /** Of the embedder; absent without `embedding`. */
  readonly dimensions: number | undefined;
};

const MAX_METADATA_COLUMNS = 50;
const EMBEDDING = "embedding";
const TERMS = "terms";
/** Types whose values come as the text that Postgres itself writes; others are cast, which costs them their index. */
const PLAIN_ID_TYPES = ["int2", "int4", "int8", "uuid", "text", "varchar", "bpchar", "numeric", "citext"];

/** @throws PgVectorDBError `invalid_argument` that names the option, for what is not there or cannot be used */
export async function attachTable(
  database: OpenDatabase,
  choice: TableChoice,
  signal: AbortSignal,
): Promise<TableView> {
  const table = await inspectTable(database, quotedTableName(choice.table), signal);
  const id = columnOf(table, "id", choice.id);
  if (!id.isUnique && table.canHaveIndexes) {
    throw invalid("`id`: the column has no unique index, so it does not name a row. Choose the primary key.");
  }
  const content = columnOf(table, "content", choice.content);
  const embedding = choice.embedding === undefined ? undefined : columnOf(table, "embedding", choice.embedding);
  const storage = embedding === undefined ? undefined : storageOf(embedding, choice.dimensions);
  const text = content.type === "text" ? identifier(content.name) : sql`${identifier(content.name)}::text`;
  const metadata = metadataOf(table, choice.metadata);
  const terms = sql`pgvectordb.text_terms(${textLiteral(choice.language)}::regconfig, ${text})`;
  const source = sql`SELECT ${idOf(id)} AS id, ${text} AS content, ${metadata} AS metadata, ${embedding === undefined ? sql`NULL` : identifier(embedding.name)} AS ${identifier(EMBEDDING)}, ${terms} AS ${identifier(TERMS)} FROM ${identifier(table.schema, table.name)} WHERE ${identifier(content.name)} IS NOT NULL`;
  return {
    table,
    target: targetOf(table, choice, { storage, source }, database.capabilities),
    columns: {
      embedding: embedding && identifier(embedding.name),
      metadata: typeof choice.metadata === "string" ? identifier(choice.metadata) : undefined,
      terms,
    },
  };
}

/** The database as the searches of this table see it: every statement may read the table by the name that `target` has for it. */
export function readingAttached(database: OpenDatabase, { source }: SearchTarget): OpenDatabase {
  if (source === undefined) throw new TypeError("The table is not attached.");
  const refuse = () => Promise.reject(new TypeError("An attached table is only read."));
  return {
    capabilities: database.capabilities,
    query: async <Row extends object>(statement: { text: string; values: readonly unknown[] }, options = {}) => {
      // Not materialised: the planner sees through it to the table and its indexes. A statement has one `WITH` only.
      const [, explain = "", search = ""] = /^(EXPLAIN \([^)]*\) )?(.*)$/s.exec(statement.text) ?? [];
      const rest = search.startsWith("WITH ") ? `, ${search.slice("WITH ".length)}` : ` ${search}`;
      const text = `${explain}WITH ${identifier(ATTACHED).text} AS NOT MATERIALIZED (${source.text})${rest}`;
      const rows = await database.query<Row>({ text, values: statement.values }, options);
      return rows.map((row) => ("id" in row ? { ...row, id: String(row.id) } : row));
    },
    transaction: refuse,
    close: () => database.close(),
  };
}

function targetOf(
  table: InspectedTable,
  { dimensions = 0, distance, language }: TableChoice,
  { storage, source }: { storage: VectorStorage | undefined; source: Sql },
  { iterativeScan }: Capabilities,
): SearchTarget {
  return {
    schema: table.schema,
    table: table.name,
    source,
    embeddingColumn: EMBEDDING,
    dimensions,
    distance,
    storage,
    language,
    // A BM25 index has to be there and be named; full-text search works without any.
    keywordEngine: "full_text",
    keywordIndex: "",
    termsColumn: TERMS,
    vectorIndex: "",
    iterativeScan,
  };
}

function columnOf(table: InspectedTable, option: string, name: unknown): InspectedColumn {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column !== undefined) return column;
  throw invalid(
    `\`${option}\` must be a column of the table. It has: ${table.columns.map((candidate) => candidate.name).join(", ")}.`,
  );
}

function idOf({ name, type }: InspectedColumn): Sql {
  return PLAIN_ID_TYPES.includes(type) ? identifier(name) : sql`${identifier(name)}::text`;
}

function storageOf({ type, dimensions }: InspectedColumn, expected: number | undefined): VectorStorage {
  if (type !== "vector" && type !== "halfvec") {
    throw invalid(`\`embedding\` must be a column of type vector or halfvec; this one is ${type}.`);
  }
  if (dimensions !== undefined && dimensions !== expected) {
    throw invalid(
      `\`embedding\` has ${dimensions} dimensions, the embedder ${expected}. Pass the \`embedder\` that made the embeddings.`,
    );
  }
  return type === "halfvec" ? "float16" : "float32";
}

function metadataOf(table: InspectedTable, metadata: AttachOptions["metadata"]): Sql {
  if (metadata === undefined) return sql`'{}'::jsonb`;
  if (typeof metadata === "string") {
    const { name, type } = columnOf(table, "metadata", metadata);
    if (type === "jsonb") return identifier(name);
    if (type === "json") return sql`${identifier(name)}::jsonb`;
    throw invalid(`\`metadata\` must be a jsonb column, or an array of columns: ["${name}"]. This column is ${type}.`);
  }
  if (!Array.isArray(metadata) || metadata.length === 0 || metadata.length > MAX_METADATA_COLUMNS) {
    throw invalid(`\`metadata\` must be a jsonb column, or an array of 1 to ${MAX_METADATA_COLUMNS} columns.`);
  }
  const fields = metadata.map((given, position) => {
    const { name } = columnOf(table, `metadata[${position}]`, given);
    return sql`${textLiteral(name)}, ${identifier(name)}`;
  });
  return sql`jsonb_build_object(${join(fields)})`;
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
