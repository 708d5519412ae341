import type { Embedder } from "../src/contracts/embedder.ts";

/** A deterministic embedder for tests: every word adds to a few dimensions, so texts that share words are near. */
export function hashEmbedder(options: { id?: string; dimensions?: number } = {}) {
  const { id = "test/hash-v1", dimensions = 64 } = options;
  const embedded: string[] = [];
  const embed = (text: string): Float32Array => {
    const vector = new Float32Array(dimensions);
    for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) addWord(vector, word);
    const norm = Math.hypot(...vector);
    return norm === 0 ? vector : vector.map((value) => value / norm);
  };
  return {
    id,
    dimensions,
    /** Every document text that was embedded. */
    embedded,
    embedDocuments: async (texts: readonly string[]) => {
      embedded.push(...texts);
      return texts.map(embed);
    },
    embedQuery: async (text: string) => embed(text),
  } satisfies Embedder & { embedded: string[] };
}

function addWord(vector: Float32Array, word: string): void {
  let hash = 2166136261;
  for (const character of word) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  for (let part = 0; part < 3; part++) {
    hash = Math.imul(hash ^ (hash >>> 15), 2246822519) >>> 0;
    const index = hash % vector.length;
    vector[index] = (vector[index] ?? 0) + (hash & 0x10000 ? 1 : -1);
  }
}
