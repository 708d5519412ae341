import sql, { empty, raw } from "sql-template-tag";
import type { OpenDatabase, Queryable, QueryOptions } from "../contracts/database.ts";
import type { IndexBuildOptions } from "../contracts/indexes.ts";
import { PgVectorDBError } from "../errors.ts";
import { identifier, quotedName, textLiteral } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { tableOf } from "./document-table.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { watchIndexBuild } from "./index-progress.ts";
import { lockForMigration } from "./migration-lock.ts";

export interface IndexBuild extends Pick<IndexBuildOptions, "concurrently" | "onProgress"> {
  readonly definition: IndexDefinition;
  /** What the build needs to stay in memory; the server's own setting when that is more. */
  readonly memoryMb?: number | undefined;
}

interface TableState {
  readonly isPartitioned: boolean;
  /** Null: there is no such index. */
  readonly isValid: boolean | null;
  /** Whether somebody is building it now. */
  readonly isBuilding: boolean;
}

/** Disk full and out of memory: also what a container says whose shared memory is too small for a parallel build. */
const NO_ROOM: readonly unknown[] = ["53100", "53200"];

/**
 * Makes an index unless it is there. What is left of a build that failed is removed first, and after a failure.
 *
 * @throws PgVectorDBError `database_error`, retryable, while somebody else builds it
 */
export async function buildIndex(
  database: OpenDatabase,
  target: SearchTarget,
  build: IndexBuild,
  signal: AbortSignal,
): Promise<void> {
  const { name, field } = build.definition;
  const { isPartitioned, isValid, isBuilding } = await readState(database, target, name, { signal });
  if (isValid === true) return;
  if (isBuilding) throw builtByOthers(name);
  const concurrently = database.session !== undefined && !isPartitioned && (build.concurrently ?? true);
  if (isValid === false) await dropIndex(database, target, name, { signal, concurrently });
  if (concurrently) await buildInSession(database, target, build, signal);
  else await buildInTransaction(database, target, build, signal);
  // "If not exists" is content with what another build, begun meanwhile or just given up, has there.
  if ((await readState(database, target, name, { signal })).isValid !== true) throw builtByOthers(name);
  if (field !== undefined) {
    const comment = textLiteral(JSON.stringify(field));
    await database.query(sql`COMMENT ON INDEX ${identifier(target.schema, name)} IS ${comment}`, { signal });
  }
}

function builtByOthers(name: string): PgVectorDBError {
  return new PgVectorDBError(
    "database_error",
    `The index ${name} is being built, or taken back, by another session. Wait for it.`,
    { retryable: true },
  );
}

async function buildInTransaction(
  database: OpenDatabase,
  target: SearchTarget,
  { definition, memoryMb, onProgress }: IndexBuild,
  signal: AbortSignal,
): Promise<void> {
  const run = (isParallel: boolean) =>
    database.transaction(
      async (transaction) => {
        // Two such builds do not wait for each other by themselves, and the second one fails at its end.
        await lockForMigration(transaction, definition.name);
        await setMemory(transaction, memoryMb, isParallel, true);
        await transaction.query(createIndex(target, definition, false));
      },
      { signal },
    );
  await watchIndexBuild(database, target, onProgress, () => againAlone(run));
}

/** `CREATE INDEX CONCURRENTLY` runs in no transaction, so its settings are the connection's, and are taken back. */
async function buildInSession(
  database: OpenDatabase,
  target: SearchTarget,
  { definition, memoryMb, onProgress }: IndexBuild,
  signal: AbortSignal,
): Promise<void> {
  const run = async (isParallel: boolean) => {
    try {
      await database.session?.(
        async (connection) => {
          // Behind a pooler the server's own settings have to do.
          if (!(await connection.isDirect())) return connection.query(createIndex(target, definition, true));
          await setMemory(connection, memoryMb, isParallel, false);
          try {
            return await connection.query(createIndex(target, definition, true));
          } finally {
            // Whatever the signal says; and a connection that cannot do this is gone with its settings.
            await connection.query(sql`RESET maintenance_work_mem`, {}).catch(() => {});
            await connection.query(sql`RESET max_parallel_maintenance_workers`, {}).catch(() => {});
          }
        },
        { signal },
      );
    } catch (error) {
      // A build that failed leaves an index behind that is no use, and yet kept up to date.
      await dropUnfinished(database, target, definition.name).catch(() => {});
      throw error;
    }
  };
  await watchIndexBuild(database, target, onProgress, () => againAlone(run));
}

/** Not one that somebody else has built, or is building. */
async function dropUnfinished(database: OpenDatabase, target: SearchTarget, name: string): Promise<void> {
  const { isValid, isBuilding } = await readState(database, target, name, {});
  if (isValid === false && !isBuilding) await dropIndex(database, target, name, { concurrently: true });
}

/** Without helpers the build's memory is its own, and not the machine's shared memory. */
async function againAlone(run: (isParallel: boolean) => Promise<void>): Promise<void> {
  try {
    await run(true);
  } catch (error) {
    if (!(error instanceof PgVectorDBError && NO_ROOM.includes(error.sqlState))) throw error;
    await run(false);
  }
}

async function setMemory(
  connection: Queryable,
  memoryMb: number | undefined,
  isParallel: boolean,
  isLocal: boolean,
): Promise<void> {
  if (memoryMb !== undefined) {
    const needed = `${memoryMb}MB`;
    await connection.query(
      sql`SELECT set_config('maintenance_work_mem', CASE WHEN pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes(${needed}) THEN ${needed} ELSE current_setting('maintenance_work_mem') END, ${isLocal})`,
    );
  }
  if (!isParallel) await connection.query(sql`SELECT set_config('max_parallel_maintenance_workers', '0', ${isLocal})`);
}

function createIndex(target: SearchTarget, { name, using }: IndexDefinition, concurrently: boolean) {
  return sql`CREATE INDEX ${concurrently ? raw("CONCURRENTLY ") : empty}IF NOT EXISTS ${identifier(name)} ON ${tableOf(target)} ${using}`;
}

export async function dropIndex(
  database: OpenDatabase,
  target: SearchTarget,
  name: string,
  { signal, concurrently = false }: QueryOptions & { readonly concurrently?: boolean },
): Promise<void> {
  const statement = sql`DROP INDEX ${concurrently ? raw("CONCURRENTLY ") : empty}IF EXISTS ${identifier(target.schema, name)}`;
  await database.query(statement, { signal });
}

async function readState(
  database: Queryable,
  target: SearchTarget,
  index: string,
  options: QueryOptions,
): Promise<TableState> {
  const [state] = await database.query<TableState>(
    sql`SELECT c.relkind = 'p' AS "isPartitioned", (SELECT i.indisvalid FROM pg_index AS i WHERE i.indexrelid = to_regclass(${quotedName(target.schema, index)})) AS "isValid", EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = to_regclass(${quotedName(target.schema, index)})) AS "isBuilding" FROM pg_class AS c WHERE c.oid = to_regclass(${quotedName(target.schema, target.table)})`,
    options,
  );
  return state ?? { isPartitioned: false, isValid: null, isBuilding: false };
}
