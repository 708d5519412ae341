// A Postgres cluster with the extensions that collections need, packed: unpacking it takes PGlite a fraction of the time of making one.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";
import { PGlite } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { pg_textsearch } from "@electric-sql/pglite-pg_textsearch";
import { vector } from "@electric-sql/pglite-pgvector";

const packages = ["pglite", "pglite-pgvector", "pglite-pg_textsearch"].map((name) => `@electric-sql/${name}`);
const versions = packages.map((name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version);
const kept = `build/cluster-${versions.join("-")}.tar.br`;
if (!existsSync(kept)) await make(kept);
copyFileSync(kept, "dist/database/cluster.tar.br");

async function make(file) {
  const pglite = await PGlite.create({ extensions: { vector, pg_trgm, pg_textsearch } });
  await pglite.exec("CREATE EXTENSION vector; CREATE EXTENSION pg_trgm; CREATE EXTENSION pg_textsearch; CHECKPOINT");
  const tar = Buffer.from(await (await pglite.dumpDataDir("none")).arrayBuffer());
  await pglite.close();
  // The window holds a whole segment of the write-ahead log, and so one of three equal databases for the others.
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 9,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
  };
  mkdirSync("build", { recursive: true });
  writeFileSync(`${file}.unfinished`, brotliCompressSync(tar, { params }));
  renameSync(`${file}.unfinished`, file);
}
