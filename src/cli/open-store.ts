import { join, resolve } from "node:path";
import type { Collection } from "../collection.ts";
import type { CollectionOptions } from "../contracts/collection.ts";
import type { Embedder } from "../contracts/embedder.ts";
import { PgVectorDBError } from "../errors.ts";
import { PgVectorDB } from "../pgvectordb.ts";
import type { CommandIO } from "./command-io.ts";

/** Options of every command that works on a database. */
export const STORE_OPTIONS = {
  url: { type: "string" },
  collection: { type: "string", default: "documents" },
  embedder: { type: "string" },
} as const;

export const URL_HELP = `  --url <url>           the database: a folder, or postgres://user:password@host/database
                        (default: the environment's PGVECTORDB_URL, else .pgvectordb/index)
`;

export const STORE_HELP = `${URL_HELP}  --collection <name>   default "documents"
  --embedder <model>    a hub id or folder; default: the one that the collection was made with, else the built-in one
`;

export interface StoreValues {
  readonly url?: string | undefined;
  readonly collection: string;
  readonly embedder?: string | undefined;
}

/** Opens the database that the options name; a folder is relative to the working folder. */
export async function openStore({ url }: Pick<StoreValues, "url">, io: CommandIO): Promise<PgVectorDB> {
  const given = url ?? (io.env["PGVECTORDB_URL"] || join(".pgvectordb", "index"));
  const isFolder = !/^[a-z][a-z0-9+.-]+:/i.test(given);
  return PgVectorDB.open({ url: isFolder ? resolve(io.cwd, given) : given, signal: io.signal });
}

/** A collection and the model that embeds for it, which is closed with it. */
export interface OpenedCollection<Metadata extends object> extends AsyncDisposable {
  readonly collection: Collection<Metadata>;
  /** Absent where it is the built-in one. */
  readonly embedder: Embedder | undefined;
}

/** @throws PgVectorDBError `collection_not_found` when it is not there and `create` is absent */
export async function openCollection<Metadata extends object = Record<string, unknown>>(
  db: PgVectorDB,
  { collection: name, embedder: model }: StoreValues,
  io: CommandIO,
  create?: Pick<CollectionOptions, "language" | "storage" | "spaces">,
): Promise<OpenedCollection<Metadata>> {
  const { signal } = io;
  const info = (await db.collections({ signal })).find((known) => known.name === name);
  if (info === undefined && create === undefined) {
    throw new PgVectorDBError(
      "collection_not_found",
      `There is no collection ${JSON.stringify(name)} in this database. Fill it: pgvectordb index <paths…>`,
    );
  }
  const local = model ?? localModelOf(info?.embedder);
  const embedder = local === undefined || local === "builtin" ? undefined : await loadEmbedder(local, signal);
  const collection = await db.collection<Metadata>(name, { ...create, ...(embedder && { embedder }), signal });
  return { collection, embedder, [Symbol.asyncDispose]: async () => embedder?.close?.() };
}

/** The id that `createLocalEmbedder` gives by default names the model. */
function localModelOf(embedderId: string | undefined): string | undefined {
  return /^local:([^?]+)$/.exec(embedderId ?? "")?.[1];
}

async function loadEmbedder(model: string, signal: AbortSignal | undefined): Promise<Embedder> {
  // It brings the model runtime along.
  const { createLocalEmbedder } = await import("../embedders/local-embedder.ts");
  return createLocalEmbedder({ model, signal });
}
