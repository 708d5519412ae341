import { checkCallback, checkInteger, checkOptionNames, invalidArgument } from "../check-options.ts";
import type { CollectionContext } from "../collection-context.ts";
import type { FieldIndexType, IndexBuildOptions, IndexInfo, VectorIndexOptions } from "../contracts/indexes.ts";
import { fieldIndex, type IndexDefinition } from "../database/index-definition.ts";
import { maxIndexedDimensions, type VectorIndexBuild } from "../database/vector-index.ts";
import { PgVectorDBError } from "../errors.ts";
import { pathOf } from "../search/where-value.ts";

const BUILD_NAMES = ["concurrently", "onProgress", "signal", "timeoutMs"];
const FIELD_TYPES: readonly FieldIndexType[] = ["string", "number", "date", "pattern"];

/** @throws PgVectorDBError `invalid_argument` */
export function checkBuildOptions(options: IndexBuildOptions, ownNames: readonly string[] = []): void {
  checkOptionNames(options, [...ownNames, ...BUILD_NAMES]);
  checkCallback("onProgress", options.onProgress);
  if (options.concurrently !== undefined && typeof options.concurrently !== "boolean") {
    throw invalidArgument("`concurrently` must be true or false.");
  }
}

/** @throws PgVectorDBError `invalid_argument` */
export function planVectorIndex({ record }: CollectionContext, options: VectorIndexOptions): VectorIndexBuild {
  checkBuildOptions(options, ["m", "efConstruction"]);
  const { m = 16, efConstruction = 64, concurrently, onProgress } = options;
  checkInteger("m", m, { min: 2, max: 100 });
  checkInteger("efConstruction", efConstruction, { min: Math.max(4, 2 * m), max: 1000 });
  const most = maxIndexedDimensions(record.storage);
  if (record.dimensions > most) {
    throw invalidArgument(
      `An index holds at most ${most} dimensions of ${record.storage}; the embedder has ${record.dimensions}.`,
    );
  }
  return { m, efConstruction, concurrently, onProgress };
}

/** @throws PgVectorDBError `invalid_argument`; `missing_dependency` for patterns without pg_trgm */
export function planFieldIndex({ target, database }: CollectionContext, path: unknown, type: unknown): IndexDefinition {
  if (typeof path !== "string" || path.split(".").includes("")) {
    throw invalidArgument('`path` must be a metadata field, such as "price" or "size.width".');
  }
  if (!FIELD_TYPES.includes(type as FieldIndexType)) {
    throw invalidArgument(`\`type\` must be one of: ${FIELD_TYPES.join(", ")}.`);
  }
  if (type === "pattern" && !database.capabilities.trigram) {
    throw new PgVectorDBError(
      "missing_dependency",
      "An index for patterns needs the extension pg_trgm, which this database lacks. Run in it: CREATE EXTENSION pg_trgm",
    );
  }
  return fieldIndex(target, pathOf(path), type as FieldIndexType);
}

/** @throws PgVectorDBError `invalid_argument` for an index that is not the collection's, or without which it cannot be */
export function checkDroppable(name: string, indexes: readonly IndexInfo[]): void {
  const index = indexes.find((known) => known.name === name);
  if (index === undefined) {
    throw invalidArgument(`\`name\`: there is no such index. Known: ${indexes.map((known) => known.name).join(", ")}.`);
  }
  if (index.kind === "id")
    throw invalidArgument("`name`: the index of the ids belongs to the table and cannot be dropped.");
}
