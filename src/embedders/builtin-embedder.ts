import type { Embedder } from "../contracts/embedder.ts";
import { BUILTIN_EMBEDDER, shippedModelFolder } from "../shipped-model.ts";
import { createStaticEmbedder } from "./static-embedder.ts";

/**
 * The embedder that comes with this package: needs no network, no key and no native library.
 *
 * Its `id` carries a version: a collection made with it is opened with the same version only.
 */
export function createBuiltinEmbedder(): Embedder {
  return createStaticEmbedder({ folder: shippedModelFolder(BUILTIN_EMBEDDER) });
}
