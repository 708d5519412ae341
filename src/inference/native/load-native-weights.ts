import { type Weight, weightRows } from "../compiler/checkpoint.ts";
import { freeBuffers } from "./free-buffers.ts";
import type { NativeAddon, NativeModel } from "./native-addon.ts";

/** Numbers of the words that are read at once. A multilingual model's are a quarter of a billion, and its layers have twelve million each. */
const WORDS_AT_ONCE = 4_000_000;

/**
 * Gives a model its weights part by part, so that beside it there is never more in memory than one part of the checkpoint.
 *
 * @param parts as `nativeParts` has them
 * @param pass runs what calls the addon
 * @throws what the addon says of weights that it does not take
 */
export async function loadNativeWeights(
  { addon, model }: { readonly addon: NativeAddon; readonly model: NativeModel },
  parts: readonly (readonly Weight[])[],
  pass: (work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const [words = [], ...others] = parts;
  for (const part of [...words.flatMap(pieces).map((piece) => [piece]), ...others]) {
    const tensors: Float32Array[] = [];
    for (const weight of part) tensors.push(await weight.readRows());
    try {
      await pass(async () => addon.addWeights(model, tensors));
    } finally {
      freeBuffers(tensors);
    }
  }
}

/** Some rows each. */
function pieces(table: Weight): Weight[] {
  const [rows = 0, width = 1] = table.shape;
  const most = Math.max(1, Math.floor(WORDS_AT_ONCE / width));
  const count = Math.ceil(rows / most);
  return Array.from({ length: count }, (_, i) => weightRows(table, i * most, Math.min(rows, (i + 1) * most)));
}
