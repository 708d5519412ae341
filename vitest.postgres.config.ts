import { defineConfig } from "vitest/config";

const server = process.env["DATABASE_URL"];
if (!server) {
  throw new Error(
    "Set DATABASE_URL to a PostgreSQL 15+ with pgvector where databases may be made: postgres://user:password@host:5432/postgres. " +
      "Or let a server be made for this: .ci/start-postgres npm run test:postgres",
  );
}

/** The tests of the embedded database on a server, and what only a server can do. */
export default defineConfig({
  test: {
    include: ["test/database-*.test.ts", "test/postgres/*.test.ts"],
    // A folder's own business, and types.
    exclude: ["test/database-process.test.ts", "test/database-types.test.ts"],
    globalSetup: ["test/global-setup.ts"],
    env: { PGVECTORDB_TEST_SERVER: server },
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
