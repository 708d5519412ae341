import type { Embedder } from "../contracts/embedder.ts";

/** Stands in until the built-in model is there. */
export function createBuiltinEmbedder(): Embedder {
  const missing = async (): Promise<never> => {
    throw new Error("The built-in embedder is not in this build.");
  };
  return { id: "builtin/embedder-v1", dimensions: 256, embedDocuments: missing, embedQuery: missing };
}
