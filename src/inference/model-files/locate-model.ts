import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { throwIfAborted } from "../../deadline.ts";
import { PgVectorDBError } from "../../errors.ts";
import { BUILTIN_RERANKER, shippedModelFolder } from "../../shipped-model.ts";
import { HubCache } from "./hub-cache.ts";
import { locateHubModel } from "./hub-model.ts";
import { PATIENCE, type Patience } from "./hub-request.ts";
import { type EnvironmentVariables, expandHome, readHuggingFaceEnvironment } from "./hugging-face-environment.ts";
import type { LocatedModel, ModelProgress } from "./located-model.ts";
import { printableName } from "./model-file-name.ts";
import { openModelFolder } from "./model-folder.ts";
import { checkRevision, parseModelReference } from "./model-reference.ts";

export type { LocatedModel, ModelProgress } from "./located-model.ts";

export interface ModelRequest {
  /** A Hugging Face id, a folder, or `"builtin"`: see `locateModel` for which is which. */
  readonly model: string;
  /** Branch, tag or commit on the hub. Default `"main"`. Ignored by folders and by the built-in model. */
  readonly revision?: string | undefined;
  /** The Hugging Face cache. Default: the one that Python uses too (`HF_HUB_CACHE`, `HF_HOME`, ~/.cache/huggingface/hub). */
  readonly cacheDir?: string | undefined;
  /** `true` uses no network at all. Default: `HF_HUB_OFFLINE`, else `false`. */
  readonly offline?: boolean | undefined;
  /** Ends the search, and every download of the model that was found. */
  readonly signal?: AbortSignal | undefined;
  /** Told about each download as it goes on; what is cached already is not reported. */
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
}

/** What a test puts in the place of the outside world. */
export interface ModelSurroundings {
  readonly environment?: EnvironmentVariables | undefined;
  readonly fetch?: typeof fetch | undefined;
  readonly patience?: Partial<Patience> | undefined;
}

/**
 * Finds a model: in this package, in a folder, in the Hugging Face cache or on the hub.
 *
 * `"builtin"` is the package's own. A string that starts with `/`, `./`, `../`, `~/` or a drive is a folder. Anything
 * else is a folder only if one of that name exists *and holds a `config.json`*; so an empty folder that happens to be
 * named `org/name` does not hide the model of the hub.
 *
 * A commit that is cached needs no network. A branch or tag is looked up with one short request, and when that fails the
 * cache answers.
 *
 * @throws PgVectorDBError `invalid_argument`, `model_not_found`, `model_invalid`, `unauthorized`, `network`,
 * `rate_limited`, `aborted`; the message says where was looked and what to do without a network
 */
export async function locateModel(request: ModelRequest, surroundings: ModelSurroundings = {}): Promise<LocatedModel> {
  const reference = parseModelReference(request.model);
  const revision = checkRevision(request.revision ?? "main");
  checkPath("cacheDir", request.cacheDir);
  throwIfAborted(request.signal);

  if (reference.kind === "builtin") return openBuiltin();
  if (reference.kind === "path") return openModelFolder(resolve(expandHome(reference.path)));
  const folder = resolve(request.model);
  if (await isModelFolder(folder, reference.kind === "neither")) return openModelFolder(folder);
  if (reference.kind === "neither") throw notAModel(request.model);

  const environment = readHuggingFaceEnvironment(surroundings.environment);
  const cacheDir = modelCacheFolder(request.cacheDir, surroundings.environment);
  return locateHubModel({
    id: reference.id,
    revision,
    cache: new HubCache({ cacheDir, id: reference.id, symlinks: environment.symlinks }),
    offline: request.offline ?? environment.offline,
    connection: {
      endpoint: environment.endpoint,
      readToken: environment.readToken,
      fetch: surroundings.fetch ?? ((input, init) => fetch(input, init)),
      patience: { ...PATIENCE, ...surroundings.patience },
    },
    signal: request.signal,
    onProgress: request.onProgress,
  });
}

/** The Hugging Face cache: the one asked for, or the one that Python uses. */
export function modelCacheFolder(cacheDir: string | undefined, environment?: EnvironmentVariables): string {
  return cacheDir === undefined ? readHuggingFaceEnvironment(environment).cacheDir : resolve(expandHome(cacheDir));
}

async function openBuiltin(): Promise<LocatedModel> {
  return { ...(await openModelFolder(shippedModelFolder(BUILTIN_RERANKER))), id: "builtin", origin: "builtin" };
}

async function isModelFolder(folder: string, anyFolder: boolean): Promise<boolean> {
  try {
    const found = await stat(anyFolder ? folder : join(folder, "config.json"));
    return anyFolder ? found.isDirectory() : found.isFile();
  } catch {
    // Not there, or not readable: then it is no folder of the user's.
    return false;
  }
}

function notAModel(model: string): PgVectorDBError {
  return new PgVectorDBError(
    "invalid_argument",
    `\`model\` ${printableName(model)} is neither a folder that exists nor a Hugging Face id ("name" or "organisation/name", of letters, digits, "-", "_" and "."). Begin a folder with "./" or "/".`,
  );
}

function checkPath(option: string, path: unknown): void {
  if (path === undefined || (typeof path === "string" && path.trim() !== "" && !path.includes("\0"))) return;
  throw new PgVectorDBError("invalid_argument", `\`${option}\` must be the path of a folder.`);
}
