/** Which side gives way when a pair is too long: the longer one, or only the document. */
export type TruncationStrategy = "longest_first" | "only_second";

/** How many tokens of each side are kept. */
export interface KeptTokens {
  readonly query: number;
  readonly document: number;
}

/**
 * Decides how a pair is cut to `room` tokens, special tokens not counted.
 *
 * `longest_first` is the rule of Hugging Face `tokenizers` (src/utils/truncation.rs), which sentence-transformers uses:
 * the longer side is cut to what the shorter leaves; when that is less than the shorter, both get half, and the odd token
 * goes to the longer side (to the document when both are as long). `only_second` cuts the document, and the query only
 * when it fills the room alone (where the reference refuses).
 */
export function truncatePair(
  query: number,
  document: number,
  room: number,
  strategy: TruncationStrategy = "longest_first",
): KeptTokens {
  if (query + document <= room) return { query, document };
  if (strategy === "only_second") {
    const kept = Math.min(query, room);
    return { query: kept, document: room - kept };
  }
  const queryIsLonger = query > document;
  const shorter = Math.min(query, document);
  const half = Math.floor(room / 2);
  const [short, long] = shorter <= half ? [shorter, room - shorter] : [half, room - half];
  return queryIsLonger ? { query: long, document: short } : { query: short, document: long };
}
