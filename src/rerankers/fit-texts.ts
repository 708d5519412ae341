import type { TruncatedPair } from "../contracts/reranker.ts";

export interface FittedTexts {
  readonly texts: readonly string[];
  readonly truncated: readonly TruncatedPair[];
}

/** Cuts texts to the number of UTF-16 units a service takes, never through a character, and says which were cut. */
export function fitTexts(texts: readonly string[], maxCharacters: number | undefined): FittedTexts {
  if (maxCharacters === undefined) return { texts, truncated: [] };
  const truncated: TruncatedPair[] = [];
  const fitted = texts.map((text, index) => {
    if (text.length <= maxCharacters) return text;
    const kept = text.slice(0, maxCharacters).replace(/[\uD800-\uDBFF]$/, "");
    truncated.push({ index, documentTokens: 0, queryTokens: 0, documentCharacters: text.length - kept.length });
    return kept;
  });
  return { texts: fitted, truncated };
}
