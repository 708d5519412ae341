/** A stand-in for a model: the share of the query's words that a text has, made unequal by the text's length. On 0..1, any two runs alike. */
export function wordOverlap(query: string, text: string): number {
  const words = new Set(query.toLowerCase().split(/\s+/));
  const found = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => words.has(word));
  const share = new Set(found).size / words.size;
  return 0.9 * share + 0.1 / (1 + text.length);
}

export interface Ranked {
  readonly index: number;
  readonly score: number;
}

/** Best first, the best `topN`. */
export function rankByOverlap(query: string, texts: readonly string[], topN = texts.length): Ranked[] {
  return texts
    .map((text, index) => ({ index, score: wordOverlap(query, text) }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, topN);
}
