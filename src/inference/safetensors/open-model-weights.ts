import { closeAll, joinSources } from "./join-sources.ts";
import { openCheckpointWeights, weightFiles } from "./open-checkpoint-weights.ts";
import { openSafetensors, type SafetensorsSource } from "./open-safetensors.ts";

/** Where the weights of a model are. Plain data. */
export interface ModelWeights {
  /** The safetensors file, or the index of its shards. */
  readonly weightsPath: string;
  /** The safetensors files of the modules behind it, each with a name of its own. */
  readonly moduleWeights: readonly { readonly folder: string; readonly path: string }[];
}

/**
 * Opens a checkpoint and its modules as one source. A module's tensors have its folder's name and a slash before theirs.
 *
 * @throws PgVectorDBError `model_not_found` for a file that is absent; `model_invalid` for a corrupt or hostile one
 */
export async function openModelWeights({ weightsPath, moduleWeights }: ModelWeights): Promise<SafetensorsSource> {
  const checkpoint = await openCheckpointWeights(weightsPath);
  if (moduleWeights.length === 0) return checkpoint;
  const opened = [checkpoint];
  try {
    const places = new Map([...checkpoint.tensors.keys()].map((name) => [name, { source: checkpoint, name }]));
    for (const { folder, path } of moduleWeights) {
      const source = await openSafetensors(path);
      opened.push(source);
      for (const name of source.tensors.keys()) places.set(`${folder}/${name}`, { source, name });
    }
    return joinSources(opened, places);
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** All files that hold a model's weights, whole paths. */
export async function modelWeightFiles({ weightsPath, moduleWeights }: ModelWeights): Promise<string[]> {
  return [...(await weightFiles(weightsPath)), ...moduleWeights.map(({ path }) => path)];
}
