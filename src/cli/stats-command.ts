import { parseArgs } from "node:util";
import type { CollectionInfo } from "../contracts/collection.ts";
import type { Embedder } from "../contracts/embedder.ts";
import type { CollectionStats } from "../contracts/indexes.ts";
import type { Space, SpaceInfo } from "../contracts/space.ts";
import { PgVectorDBError } from "../errors.ts";
import type { PgVectorDB } from "../pgvectordb.ts";
import { EXIT_CODES_HELP, wrongUsage } from "./command-arguments.ts";
import type { CommandIO } from "./command-io.ts";
import { openStore, URL_HELP } from "./open-store.ts";

const HELP = `Usage: pgvectordb stats [options]

Prints what every collection of a database holds, or one of them: documents, bytes, indexes, embedder and versions.

${URL_HELP}  --collection <name>   only this one
  --json                print one JSON object a line
  --help                print this
${EXIT_CODES_HELP}`;

const OPTIONS = {
  url: { type: "string" },
  collection: { type: "string" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** `pgvectordb stats`. @throws PgVectorDBError, or what `parseArgs` throws */
export async function statsCommand(argv: readonly string[], io: CommandIO): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 0) throw wrongUsage("stats", "expected options only");
  await using db = await openStore(values, io);
  const all = await db.collections({ signal: io.signal });
  const asked = values.collection === undefined ? all : all.filter(({ name }) => name === values.collection);
  if (values.collection !== undefined && asked.length === 0) {
    throw new PgVectorDBError("collection_not_found", "There is no such collection in this database.");
  }
  if (asked.length === 0) io.stderr.write("The database has no collections yet.\n");
  for (const info of asked) {
    const stats = await readStats(db, info, io.signal);
    io.stdout.write(values.json ? `${JSON.stringify(stats)}\n` : format(stats));
  }
  return 0;
}

async function readStats(db: PgVectorDB, info: CollectionInfo, signal?: AbortSignal): Promise<CollectionStats> {
  const { spaces } = info;
  const collection = await db.collection(info.name, {
    embedder: unusedEmbedder(info),
    ...(spaces === undefined ? {} : { spaces: withUnusedEmbedders(spaces) }),
    signal,
  });
  return collection.stats({ signal });
}

/** Counting embeds nothing, so that the model need not be loaded or even be there. */
function unusedEmbedder({ embedder: id, dimensions }: Pick<CollectionInfo, "embedder" | "dimensions">): Embedder {
  const refuse = () => Promise.reject(new TypeError("This embedder is not to be used."));
  return { id, dimensions, embedDocuments: refuse, embedQuery: refuse };
}

function withUnusedEmbedders(spaces: Readonly<Record<string, SpaceInfo>>): Record<string, Space> {
  return Object.fromEntries(
    Object.entries(spaces).map(([name, space]): [string, Space] => {
      if (space.kind !== "text") return [name, space];
      const { kind, field } = space;
      return [name, { kind, field, embedder: unusedEmbedder(space) }];
    }),
  );
}

function format(stats: CollectionStats): string {
  const { name, documents, bytes, indexes, embedder, dimensions, storage, distance, language, versions } = stats;
  const { spaces = {} } = stats;
  const lines = [
    `${name}: ${documents} documents, ${megabytes(bytes.total)} (rows ${megabytes(bytes.table)}, indexes ${megabytes(bytes.indexes)})`,
    `  embedder  ${embedder}, ${dimensions} dimensions of ${storage}, ${distance} distance; language ${language}`,
    ...indexes.map(
      ({ name: index, kind, field, isValid, bytes: size }) =>
        `  index     ${index}: ${kind}${field === undefined ? "" : ` ${field.path} as ${field.type}`}, ${megabytes(size)}${isValid ? "" : ", not valid"}`,
    ),
    ...Object.entries(spaces).map(
      ([space, { kind, field }]) => `  space     ${space}: ${kind} of ${field ?? "the content"}`,
    ),
    `  versions  ${Object.entries(versions)
      .map(([part, version]) => `${part} ${version}`)
      .join(", ")}`,
  ];
  return `${lines.join("\n")}\n`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
