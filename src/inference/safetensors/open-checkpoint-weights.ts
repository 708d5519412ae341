import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PgVectorDBError } from "../../errors.ts";
import { closeAll, joinSources, type TensorPlace } from "./join-sources.ts";
import { openSafetensors, type SafetensorsSource } from "./open-safetensors.ts";

/**
 * Opens `model.safetensors`, or, given `model.safetensors.index.json`, the shards it names as one source.
 *
 * @throws PgVectorDBError `model_not_found` for a file that is absent; `model_invalid` for a corrupt or hostile one
 */
export async function openCheckpointWeights(path: string): Promise<SafetensorsSource> {
  if (!path.endsWith(".json")) return openSafetensors(path);
  const shardOf = await readIndex(path);
  const shards = new Map<string, SafetensorsSource>();
  try {
    for (const file of new Set(shardOf.values())) shards.set(file, await openSafetensors(join(dirname(path), file)));
    const places = new Map<string, TensorPlace>();
    for (const [name, file] of shardOf) {
      const source = shards.get(file);
      if (!source?.tensors.has(name)) throw invalid(path, `${file} has no tensor "${name}"`);
      places.set(name, { source, name });
    }
    return joinSources([...shards.values()], places);
  } catch (error) {
    await closeAll([...shards.values()]);
    throw error;
  }
}

/** The files that hold a checkpoint's weights, whole paths: the file itself, or the shards of an index. */
export async function weightFiles(path: string): Promise<string[]> {
  if (!path.endsWith(".json")) return [path];
  return [...new Set((await readIndex(path)).values())].sort().map((file) => join(dirname(path), file));
}

/** Larger than any real index; keeps a hostile one from filling the memory. */
const MAX_INDEX_BYTES = 64 * 2 ** 20;

async function readIndex(path: string): Promise<Map<string, string>> {
  let index: unknown;
  try {
    const { size } = await stat(path);
    if (size > MAX_INDEX_BYTES) throw invalid(path, `it has ${size} bytes, which no real index has`);
    index = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    if (cause instanceof PgVectorDBError) throw cause;
    if (cause instanceof SyntaxError) throw invalid(path, "it is not JSON", cause);
    throw new PgVectorDBError("model_not_found", `The weights index ${basename(path)} cannot be opened.`, { cause });
  }
  const weightMap = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof weightMap !== "object" || weightMap === null) throw invalid(path, "it has no `weight_map`");
  const shards = new Map<string, string>(Object.entries(weightMap));
  for (const file of shards.values()) checkShardName(path, file);
  return shards;
}

/** A shard is a plain file name beside the index: anything else could leave the model's folder. */
function checkShardName(path: string, file: unknown): void {
  if (typeof file !== "string" || !/^[\w][\w.-]*\.safetensors$/.test(file)) {
    throw invalid(path, `its shard ${JSON.stringify(file)?.slice(0, 120)} is not a file name beside it`);
  }
}

function invalid(path: string, problem: string, cause?: unknown): PgVectorDBError {
  return new PgVectorDBError("model_invalid", `The weights index ${basename(path)} cannot be used: ${problem}.`, {
    cause,
  });
}
