import { createRequire } from "node:module";
import { dirname } from "node:path";
import { PgVectorDBError } from "./errors.ts";

/** The versions that ship, by their folders under `models/`. */
export const BUILTIN_RERANKER = "reranker-v6";
export const BUILTIN_EMBEDDER = "embedder-v2";

/**
 * What a first stage's order counts beside the shipped reranker: fitted on the development split, the same for every collection
 * (`training/first_stage_weight.py`, `training/RESULTS.md`).
 */
export const BUILTIN_FIRST_STAGE_WEIGHT = { modest: 0.67, strong: 3 } as const;

/**
 * The folder of a model that ships in this package, by its name under `models/`. Found through the package's own
 * `imports`, so that it does not matter into which file the code was bundled.
 *
 * @throws PgVectorDBError `model_not_found`
 */
export function shippedModelFolder(name: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`#models/${name}/config.json`));
  } catch (cause) {
    throw new PgVectorDBError(
      "model_not_found",
      `The built-in model ${name} is missing. Install the package again; when a bundler moved the code, keep the package external or copy its \`models\` folder beside its \`package.json\`.`,
      { cause },
    );
  }
}
