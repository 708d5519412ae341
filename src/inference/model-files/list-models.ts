import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { HubCache } from "./hub-cache.ts";
import { isRegularFile } from "./model-folder.ts";
import { isHubId } from "./model-reference.ts";

/** A model in the Hugging Face cache. */
export interface CachedModel {
  readonly id: string;
  /** The commit of the branch "main", else of the only snapshot. */
  readonly revision: string | undefined;
  /** What it takes on disk, all revisions together. */
  readonly bytes: number;
  /** Which kind of weights its revision has here. */
  readonly weights: readonly ("safetensors" | "onnx")[];
}

const FOLDER_PREFIX = "models--";

/** The models in a Hugging Face cache, by name; none where there is no such folder. */
export async function listCachedModels(cacheDir: string): Promise<CachedModel[]> {
  const folders = await readdir(cacheDir).catch(() => []);
  const ids = folders
    .filter((folder) => folder.startsWith(FOLDER_PREFIX))
    .map((folder) => folder.slice(FOLDER_PREFIX.length).replace("--", "/"))
    .filter(isHubId)
    .sort();
  return Promise.all(ids.map((id) => readCachedModel(cacheDir, id)));
}

/** The bytes of all files below a folder; 0 where there is none. Links are not followed. */
export async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  // Gone in between counts as nothing.
  const sizes = files.map(
    async ({ parentPath, name }) => (await stat(join(parentPath, name)).catch(() => undefined))?.size,
  );
  return (await Promise.all(sizes)).reduce<number>((sum, size) => sum + (size ?? 0), 0);
}

async function readCachedModel(cacheDir: string, id: string): Promise<CachedModel> {
  const cache = new HubCache({ cacheDir, id, symlinks: true });
  const folder = join(cacheDir, `${FOLDER_PREFIX}${id.replace("/", "--")}`);
  const revision = (await cache.commitOf("main")) ?? (await onlySnapshot(folder));
  const files = revision === undefined ? [] : ((await cache.cachedFiles(revision)) ?? []);
  const has = async (ending: string) =>
    (
      await Promise.all(
        files
          .filter((file) => file.endsWith(ending))
          .map((file) => isRegularFile(cache.snapshotPath(revision ?? "", file))),
      )
    ).some(Boolean);
  const weights = (["safetensors", "onnx"] as const).map(async (kind) => ((await has(`.${kind}`)) ? [kind] : []));
  return { id, revision, bytes: await bytesBelow(folder), weights: (await Promise.all(weights)).flat() };
}

async function onlySnapshot(folder: string): Promise<string | undefined> {
  const snapshots = await readdir(join(folder, "snapshots")).catch(() => []);
  return snapshots.length === 1 ? snapshots[0] : undefined;
}
