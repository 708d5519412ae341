import { type Weight, weightRows } from "../compiler/checkpoint.ts";
import { freeBuffers } from "./free-buffers.ts";
import type { NativeAddon, NativeModel, WordsPlace } from "./native-addon.ts";

/** Numbers of the words that are read at once; the layers of a large model have twelve million each. */
const WORDS_AT_ONCE = 4_000_000;
/** A multilingual vocabulary has a hundred million numbers and more, of which a run reads some hundred rows: it stays in its file. BERT's has twelve. */
const MOST_WORDS_IN_MEMORY = 32_000_000;

/**
 * Gives a model its weights part by part, so that beside it there is never more in memory than one part of the checkpoint.
 *
 * @param parts those that the model takes, one after the other
 * @param pass runs what calls the addon
 * @throws what the addon says of weights that it does not take
 */
export async function loadNativeWeights(
  { addon, model }: { readonly addon: NativeAddon; readonly model: NativeModel },
  parts: readonly (readonly Weight[])[],
  pass: (work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  for (const part of parts) {
    const tensors: Float32Array[] = [];
    for (const weight of part) tensors.push(await weight.readRows());
    try {
      await pass(async () => addon.addWeights(model, tensors));
    } finally {
      freeBuffers(tensors);
    }
  }
}

/** Where a vocabulary is that is to stay in its file. One in float64 is not read there. */
export function wordsPlaceOf({ shape, place }: Weight): WordsPlace | undefined {
  const numbers = shape.reduce((product, length) => product * length, 1);
  if (numbers <= MOST_WORDS_IN_MEMORY || place === undefined || place.dtype === "F64") return undefined;
  return { path: place.path, start: place.start, format: place.dtype };
}

/** A vocabulary as parts of some rows each. */
export function piecesOfWords(words: Weight): Weight[][] {
  const [rows = 0, width = 1] = words.shape;
  const most = Math.max(1, Math.floor(WORDS_AT_ONCE / width));
  const count = Math.ceil(rows / most);
  return Array.from({ length: count }, (_, i) => [weightRows(words, i * most, Math.min(rows, (i + 1) * most))]);
}
