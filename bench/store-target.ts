import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { PgVectorDB } from "pgvectordb";

/** A statement as it was sent. */
export interface SentStatement {
  readonly text: string;
  readonly values: unknown[];
}

export interface Target {
  readonly name: "embedded" | "server";
  readonly db: PgVectorDB;
  /** Of a server. */
  readonly server?: { readonly url: string; readonly pool: pg.Pool; readonly sent: SentStatement[] };
  remove(): Promise<void>;
}

export async function openEmbedded(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), "pgvectordb-bench-"));
  const db = await PgVectorDB.open({ url: folder });
  return {
    name: "embedded",
    db,
    remove: async () => {
      await db.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A database of its own on the server, through a pool that notes the statements that it sends. */
export async function openServer(serverUrl: string): Promise<Target> {
  const name = `pgvectordb_bench_${process.pid}`;
  await run(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 4 });
  // The database is dropped while the server still closes the pool's connections: one may tell of it.
  pool.on("error", () => {});
  const sent: SentStatement[] = [];
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    const noting = (...args: unknown[]) => {
      const [config] = args;
      if (typeof config === "object" && config !== null && "text" in config) sent.push(config as SentStatement);
      if (sent.length > 10) sent.shift();
      return query(...args);
    };
    Object.assign(client, { query: noting });
  });
  const db = await PgVectorDB.open({ pool });
  return {
    name: "server",
    db,
    server: { url: url.href, pool, sent },
    remove: async () => {
      await db.close();
      await pool.end();
      await run(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}
