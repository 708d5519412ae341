import { createHash, type Hash } from "node:crypto";

/**
 * One key per query and text, from everything that decides the score.
 *
 * @param identity backend, address, model, revision and every setting that changes a score
 */
export function pairKeys(identity: readonly string[], query: string, texts: readonly string[]): string[] {
  const common = hashOf(["pair", ...identity, query]);
  return texts.map((text) => addPart(common.copy(), text).digest("base64"));
}

/** One key for the whole list in its order, for models that look at the documents together. */
export function listKey(identity: readonly string[], query: string, texts: readonly string[]): string {
  return hashOf(["list", ...identity, query, ...texts]).digest("base64");
}

function hashOf(parts: readonly string[]): Hash {
  const hash = addPart(createHash("sha256"), String(parts.length));
  for (const part of parts) addPart(hash, part);
  return hash;
}

/** Each part carries its length, so that no two lists of parts read the same. */
function addPart(hash: Hash, part: string): Hash {
  return hash.update(`${Buffer.byteLength(part)}:`).update(part);
}
