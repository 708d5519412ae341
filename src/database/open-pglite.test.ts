import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import type { PGlite } from "@electric-sql/pglite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openPGlite } from "./open-pglite.ts";

const SHIPPED = join(import.meta.dirname, "../../dist/database/cluster.tar.br");

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgvectordb-cluster-"));
});

/** The shipped cluster as one of another Postgres. An archive is of blocks of 512 bytes: a file's name, then its content. */
function clusterOfAnotherPostgres(): Buffer {
  const archive = brotliDecompressSync(readFileSync(SHIPPED));
  let name = 0;
  while (!archive.toString("latin1", name, name + 12).startsWith("/PG_VERSION\0")) name += 512;
  expect(archive.toString("latin1", name + 512, name + 515)).toMatch(/^\d\d\n$/);
  archive.write("12", name + 512);
  return brotliCompressSync(archive, { params: { [constants.BROTLI_PARAM_QUALITY]: 0 } });
}

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function extensionsOf(pglite: PGlite): Promise<{ name: string; installed: string; packaged: string }[]> {
  const { rows } = await pglite.query<{ name: string; installed: string; packaged: string }>(
    "SELECT name, installed_version AS installed, default_version AS packaged FROM pg_available_extensions " +
      "WHERE name IN ('vector', 'pg_trgm', 'pg_textsearch') ORDER BY name",
  );
  return rows;
}

it("unpacks a cluster whose extensions are those of the installed packages", async () => {
  const cluster = join(folder, "postgres");
  const pglite = await openPGlite(cluster, SHIPPED);
  const extensions = await extensionsOf(pglite);
  await pglite.close();
  expect(extensions.map(({ name }) => name)).toEqual(["pg_textsearch", "pg_trgm", "vector"]);
  expect(extensions.map(({ installed }) => installed)).toEqual(extensions.map(({ packaged }) => packaged));
});

it("leaves a cluster that is there as it is", async () => {
  const cluster = join(folder, "postgres");
  const before = await openPGlite(cluster, SHIPPED);
  await before.exec("CREATE TABLE kept AS SELECT 7 AS number");
  await before.close();
  const after = await openPGlite(cluster, SHIPPED);
  expect((await after.query("SELECT number FROM kept")).rows).toEqual([{ number: 7 }]);
  await after.close();
});

it.each([
  ["damaged", () => Buffer.from("nothing that was ever packed")],
  ["of another Postgres", clusterOfAnotherPostgres],
])("makes a cluster where the packed one is %s", async (_case, content) => {
  const packed = join(folder, "cluster.tar.br");
  writeFileSync(packed, content());
  const cluster = join(folder, "postgres");
  const pglite = await openPGlite(cluster, packed);
  expect((await extensionsOf(pglite)).map(({ installed }) => installed)).toEqual([null, null, null]);
  await pglite.exec("CREATE EXTENSION vector");
  await pglite.close();
  expect(existsSync(join(cluster, "PG_VERSION"))).toBe(true);
});
