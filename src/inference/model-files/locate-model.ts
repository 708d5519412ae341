import { readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { PgVectorDBError } from "../../errors.ts";

export interface ModelRequest {
  /** Hub id, folder path, or `"builtin"`. */
  readonly model: string;
  readonly revision?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly offline?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
  readonly builtinFolder?: string | undefined;
}

export interface ModelProgress {
  readonly file: string;
  readonly loadedBytes: number;
  readonly totalBytes?: number;
}

export interface LocatedModel {
  readonly id: string;
  readonly origin: "builtin" | "folder" | "cache" | "hub";
  readonly revision?: string;
  /** Relative paths that exist. */
  readonly files: readonly string[];
  /** Absolute path of one file, downloading it first when it is on the hub. */
  fetch(file: string): Promise<string>;
}

const BUILTIN_FOLDER = fileURLToPath(new URL("../../../models/reranker-v1", import.meta.url));

/** Finds a model's files. This version knows folders only. */
export async function locateModel(request: ModelRequest): Promise<LocatedModel> {
  const builtin = request.model === "builtin";
  const folder = path.resolve(builtin ? (request.builtinFolder ?? BUILTIN_FOLDER) : request.model);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new PgVectorDBError("model_not_found", `No model folder was found for \`model\` "${request.model}".`, {
      cause,
    });
  });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"));
  return {
    id: request.model,
    origin: builtin ? "builtin" : "folder",
    files,
    fetch: async (file) => path.join(folder, file),
  };
}
