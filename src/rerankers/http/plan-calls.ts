import { PgVectorDBError } from "../../errors.ts";

/** What a service takes in one request. */
export interface CallLimits {
  /** Documents per request. */
  readonly maxDocuments: number;
  /** UTF-16 units per document and per query, counted the cautious way: a service that counts code points allows at least as much. */
  readonly maxCharacters?: number | undefined;
  /** Bytes of the request body. */
  readonly maxBytes?: number | undefined;
  /** Query tokens times documents, plus the tokens of all documents. Tokens are estimated, on the high side. */
  readonly maxTokens?: number | undefined;
  /** The most tokens the service reads of one query and document; what is longer counts as this. */
  readonly maxTokensPerPair?: number | undefined;
}

/** Documents `from` (included) to `to` (excluded) go into one request. */
export interface PlannedCall {
  readonly from: number;
  readonly to: number;
}

/** Room for the field names and settings around query and documents. */
const ENVELOPE_BYTES = 2_000;

/**
 * Cuts a list of documents into as few consecutive requests as the limits allow.
 *
 * @throws PgVectorDBError `invalid_argument` when one document is more than a request may hold
 */
export function planCalls(query: string, texts: readonly string[], limits: CallLimits): PlannedCall[] {
  const { maxDocuments, maxBytes = Number.POSITIVE_INFINITY, maxTokens = Number.POSITIVE_INFINITY } = limits;
  const queryTokens = limits.maxTokens === undefined ? 0 : estimateTokens(query);
  const baseBytes = limits.maxBytes === undefined ? 0 : jsonBytes(query) + ENVELOPE_BYTES;
  const calls: PlannedCall[] = [];
  let from = 0;
  let bytes = baseBytes;
  let tokens = 0;
  for (const [index, text] of texts.entries()) {
    const textBytes = limits.maxBytes === undefined ? 0 : jsonBytes(text);
    const pairTokens = limits.maxTokens === undefined ? 0 : queryTokens + estimateTokens(text);
    const textTokens = Math.min(pairTokens, limits.maxTokensPerPair ?? Number.POSITIVE_INFINITY);
    if (baseBytes + textBytes > maxBytes || textTokens > maxTokens) throw tooLarge(index, maxBytes, maxTokens);
    if (index - from === maxDocuments || bytes + textBytes > maxBytes || tokens + textTokens > maxTokens) {
      calls.push({ from, to: index });
      from = index;
      bytes = baseBytes;
      tokens = 0;
    }
    bytes += textBytes;
    tokens += textTokens;
  }
  if (from < texts.length) calls.push({ from, to: texts.length });
  return calls;
}

/**
 * An estimate of a text's tokens that is high for prose (English has about four bytes to a token), right for code, and covers Chinese and Japanese.
 * No tokenizer is loaded to plan a request: planning a request too many costs milliseconds, one too large is refused.
 */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 2);
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) + 1;
}

function tooLarge(index: number, maxBytes: number, maxTokens: number): PgVectorDBError {
  const limit = Number.isFinite(maxBytes) ? `${maxBytes} bytes` : `about ${maxTokens} tokens`;
  return new PgVectorDBError(
    "invalid_argument",
    `\`documents[${index}]\` and the query are more than one request may hold (${limit}): split the document.`,
  );
}
