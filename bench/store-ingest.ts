import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import type { Embedder } from "pgvectordb/embedders";
import type { Target } from "./store-target.ts";

export interface LoadedDocument {
  readonly id: string;
  readonly content: string;
  readonly metadata: { readonly number: number };
  readonly embedding: readonly number[] | Float32Array;
}

export interface Ingest {
  /** With the embedding of the built-in model. */
  readonly embeddedRowsPerSecond: number;
  /** With vectors at hand: writing alone. */
  readonly rowsPerSecond: number;
  readonly unchangedRowsPerSecond: number;
  readonly insertRowsPerSecond?: number;
  readonly copyRowsPerSecond?: number | undefined;
}

const INSERTS = 1000;
const COLUMNS = "(id, content, metadata, content_hash, embedding_1)";

/** How fast rows are written, and the same rows by hand into a table of the same kind. */
export async function measureIngest(
  { db, server }: Target,
  documents: readonly LoadedDocument[],
  embedder: Embedder,
): Promise<Ingest> {
  const load = async (name: string, rows: readonly object[]) => {
    const collection = await db.collection(name, { embedder });
    return rowsPerSecond(rows.length, (written) =>
      collection.addDocuments(rows as LoadedDocument[], { onProgress: written }),
    );
  };
  const embeddedRowsPerSecond = await load(
    "embedding",
    documents.map(({ id, content, metadata }) => ({ id, content, metadata })),
  );
  const texts = documents.map(({ id, content, metadata }) => ({ id, content, metadata }));
  const unchangedRowsPerSecond = await load("embedding", texts);
  await db.dropCollection("embedding");
  const own = await load("writing", documents);
  await db.dropCollection("writing");
  if (server === undefined) return { embeddedRowsPerSecond, rowsPerSecond: own, unchangedRowsPerSecond };

  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    await db.collection("by hand", { embedder });
    const { rows } = await client.query<{ name: string }>(
      "SELECT 'pgvectordb.documents_' || id AS name FROM pgvectordb.collections WHERE name = 'by hand'",
    );
    const table = rows[0]?.name ?? "";
    const insertRowsPerSecond = await insertEach(client, table, documents.slice(0, INSERTS));
    await client.query(`TRUNCATE ${table}`);
    const copyRowsPerSecond = await copy(server.url, table, documents);
    await db.dropCollection("by hand");
    return {
      embeddedRowsPerSecond,
      rowsPerSecond: own,
      unchangedRowsPerSecond,
      insertRowsPerSecond,
      copyRowsPerSecond,
    };
  } finally {
    await client.end();
  }
}

/** Until the last batch is written: the keyword index, made after the first load, is not the rows'. */
async function rowsPerSecond(rows: number, load: (written: () => void) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let endedAt = startedAt;
  await load(() => {
    endedAt = performance.now();
  });
  return (rows * 1000) / (endedAt - startedAt);
}

async function insertEach(client: pg.Client, table: string, documents: readonly LoadedDocument[]): Promise<number> {
  const startedAt = performance.now();
  for (const document of documents) {
    await client.query(`INSERT INTO ${table} ${COLUMNS} VALUES ($1, $2, $3, $4, $5)`, [
      document.id,
      document.content,
      JSON.stringify(document.metadata),
      hashOf(document),
      `[${document.embedding.join(",")}]`,
    ]);
  }
  return (documents.length * 1000) / (performance.now() - startedAt);
}

/** `psql \copy` of a file in Postgres' text format; `undefined` where there is no psql. */
async function copy(url: string, table: string, documents: readonly LoadedDocument[]): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "pgvectordb-copy-"));
  const file = join(folder, "rows.tsv");
  try {
    await pipeline(Readable.from(documents.map(toCopyLine)), createWriteStream(file));
    const startedAt = performance.now();
    execFileSync("psql", [url, "-qc", `\\copy ${table} ${COLUMNS} from '${file}'`], { stdio: "ignore" });
    return (documents.length * 1000) / (performance.now() - startedAt);
  } catch {
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function toCopyLine(document: LoadedDocument): string {
  const { id, content, metadata, embedding } = document;
  const hash = `\\x${hashOf(document).toString("hex")}`;
  return `${[id, content, JSON.stringify(metadata), hash, `[${embedding.join(",")}]`].map(escaped).join("\t")}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
}

function hashOf({ content }: LoadedDocument): Buffer {
  return createHash("sha256").update(content).digest();
}
