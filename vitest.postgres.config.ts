import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const server = process.env["DATABASE_URL"];
if (!server) {
  throw new Error(
    "Set DATABASE_URL to a PostgreSQL 15+ with pgvector where databases may be made: postgres://user:password@host:5432/postgres. " +
      "Or let a server be made for this: .ci/start-postgres npm run test:postgres",
  );
}

// A folder's own business, and types.
const NOT_FOR_SERVERS = ["test/database-process.test.ts", "test/database-types.test.ts"];
const citus = process.env["CITUS_URL"];
const COMMON = {
  pool: "forks",
  maxWorkers: Math.max(2, availableParallelism() - 1),
  testTimeout: 180_000,
  hookTimeout: 180_000,
} as const;

/** The tests of the embedded database on a server, with whole tables and with tables in pieces, and what only a server can do. */
export default defineConfig({
  test: {
    globalSetup: ["test/global-setup.ts"],
    projects: [
      {
        test: {
          ...COMMON,
          name: "server",
          include: ["test/database-*.test.ts", "test/postgres/*.test.ts"],
          exclude: NOT_FOR_SERVERS,
          env: { PGVECTORDB_TEST_SERVER: server },
        },
      },
      {
        test: {
          ...COMMON,
          name: "partitions",
          include: ["test/database-*.test.ts"],
          exclude: [...NOT_FOR_SERVERS, "test/database-attach.test.ts"],
          env: { PGVECTORDB_TEST_SERVER: server, PGVECTORDB_TEST_SHARDS: "4" },
        },
      },
      // On a cluster, when the URL of its coordinator is given.
      ...(citus === undefined
        ? []
        : [
            {
              test: {
                ...COMMON,
                name: "citus",
                include: ["test/database-*.test.ts", "test/citus/*.test.ts"],
                exclude: [...NOT_FOR_SERVERS, "test/database-attach.test.ts"],
                env: { PGVECTORDB_TEST_CITUS: citus, PGVECTORDB_TEST_SHARDS: "4" },
              },
            },
          ]),
    ],
  },
});
