import { expect, it } from "vitest";
import type { Database } from "../contracts/database.ts";
import { prepareExtensions } from "./extensions.ts";

/** A server that has these extensions, all made, and is asked for nothing else. */
function serverWith(extensions: Readonly<Record<string, string | null>>, postgres = 150_018): Database {
  const rows = Object.entries(extensions).map(([name, installed]) => ({ name, installed, postgres }));
  const query = async () => rows as never[];
  return { query, transaction: (work) => work({ query }), close: async () => {} };
}

it.each([
  ["0.7.0", false],
  ["0.7.4", false],
  ["0.8.0", true],
  ["0.10.1", true],
  ["1.0.0", true],
])("pgvector %s goes on with a scan until enough rows pass: %s", async (vector, iterativeScan) => {
  expect(await prepareExtensions(serverWith({ vector }), "server")).toEqual({
    embedded: false,
    bm25: false,
    trigram: false,
    iterativeScan,
    citus: false,
  });
});

it("tells what else is there", async () => {
  const server = serverWith({ vector: "0.8.0", pg_trgm: "1.6", pg_textsearch: "1.5.1", citus: "13.0-1" });
  expect(await prepareExtensions(server, "server")).toMatchObject({ bm25: true, trigram: true, citus: true });
  expect(await prepareExtensions(serverWith({ vector: "0.8.0", citus: null }), "server")).toMatchObject({
    citus: false,
  });
});

it.each<[string, Readonly<Record<string, string | null>>, number, RegExp]>([
  ["a pgvector that is too old", { vector: "0.6.2" }, 150_018, /pgvector 0\.7 or newer is needed.*0\.6\.2/],
  ["no pgvector", { pg_trgm: "1.6" }, 150_018, /lacks the extension pgvector.*docker run/],
  ["a Postgres that is too old", { vector: "0.8.0" }, 140_011, /PostgreSQL 15 or newer is needed; this server is 14/],
])("refuses %s", async (_name, extensions, postgres, message) => {
  await expect(prepareExtensions(serverWith(extensions, postgres), "server")).rejects.toMatchObject({
    code: "missing_dependency",
    message: expect.stringMatching(message),
  });
});
