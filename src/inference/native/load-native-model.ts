import { PgVectorDBError } from "../../errors.ts";
import type { Weight } from "../compiler/checkpoint.ts";
import type { NativeGate } from "../sessions/native-gate.ts";
import { leaveToRuntime } from "./leave-to-runtime.ts";
import { loadNativeWeights, piecesOfWords, wordsPlaceOf } from "./load-native-weights.ts";
import type { NativeAddon, NativeModel, WordsPlace } from "./native-addon.ts";

/** A model that takes its weights in parts. */
export interface ModelInParts {
  readonly addon: NativeAddon;
  /** Makes it without weights, but for words that stay in their file. */
  readonly create: (words: WordsPlace | undefined) => NativeModel;
  readonly words: Weight;
  /** By the parts in which the addon takes them: what else is embedded, each layer, the head. */
  readonly others: readonly (readonly Weight[])[];
}

/** The model with its weights, or `undefined` where the addon refuses it. @throws PgVectorDBError `model_invalid` */
export async function loadNativeModel(
  { addon, create, words, others }: ModelInParts,
  gate: NativeGate,
): Promise<NativeModel | undefined> {
  const place = wordsPlaceOf(words);
  let model: NativeModel;
  try {
    model = create(place);
  } catch (error) {
    // Sizes that the addon's own check refuses; what is wrong with the checkpoint was found before.
    return leaveToRuntime(`it refused the model: ${error}`);
  }
  try {
    const parts = place === undefined ? [...piecesOfWords(words), ...others] : others;
    await loadNativeWeights({ addon, model }, parts, (work) => gate.pass(work));
    return model;
  } catch (error) {
    addon.release(model);
    if (error instanceof PgVectorDBError) throw error;
    return leaveToRuntime(`it refused the weights: ${error}`);
  }
}
