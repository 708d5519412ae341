import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { PGlite } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { pg_textsearch } from "@electric-sql/pglite-pg_textsearch";
import { vector } from "@electric-sql/pglite-pgvector";

const EXTENSIONS = { vector, pg_trgm, pg_textsearch };
const MEMORY = "memory://";

/**
 * Opens a cluster in PGlite, with the extensions that collections need. A new one is unpacked from the cluster that ships with
 * this package, which takes a fraction of the time of making one; where that cannot be done, one is made.
 *
 * @param dataDirectory of the cluster, made when absent; `undefined` keeps everything in memory
 * @param packedCluster the file to unpack
 */
export async function openPGlite(dataDirectory: string | undefined, packedCluster = shippedCluster()): Promise<PGlite> {
  const place = dataDirectory ?? MEMORY;
  const isNew = dataDirectory === undefined || !existsSync(dataDirectory);
  const packed = isNew && packedCluster !== undefined ? await unpack(packedCluster) : undefined;
  if (packed === undefined) return PGlite.create(place, { extensions: EXTENSIONS });
  try {
    return await PGlite.create(place, { extensions: EXTENSIONS, loadDataDir: packed });
  } catch {
    // A later PGlite of the user's may not take it; what else is wrong is said when it is tried without.
    if (dataDirectory !== undefined) await rm(dataDirectory, { recursive: true, force: true });
    return PGlite.create(place, { extensions: EXTENSIONS });
  }
}

function shippedCluster(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve("#database/cluster.tar.br");
  } catch {
    return undefined;
  }
}

/** An archive in `tar`'s format, or `undefined` where the file is missing or damaged. */
async function unpack(packedCluster: string): Promise<Blob | undefined> {
  try {
    // By its type PGlite knows that it is not compressed.
    return new Blob([await promisify(brotliDecompress)(await readFile(packedCluster))], { type: "application/x-tar" });
  } catch {
    return undefined;
  }
}
