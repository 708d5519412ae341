import type { EmbedOptions } from "../contracts/embedder.ts";
import { PgVectorDBError } from "../errors.ts";

/**
 * Checks what a caller gives `embedDocuments`.
 *
 * @returns the texts, copied, with lone surrogates replaced by U+FFFD
 * @throws PgVectorDBError `invalid_argument`
 */
export function checkTexts(texts: readonly string[], options: EmbedOptions | undefined): string[] {
  if (!Array.isArray(texts)) throw invalid(`\`texts\` must be an array of strings, not ${nameOf(texts)}.`);
  checkOptions(options);
  return Array.from(texts, (text: unknown, index) => {
    if (typeof text !== "string") throw invalid(`\`texts[${index}]\` must be a string, not ${nameOf(text)}.`);
    return text.toWellFormed();
  });
}

/** Checks what a caller gives `embedQuery`. @throws PgVectorDBError `invalid_argument` */
export function checkText(text: string, options: EmbedOptions | undefined): string {
  if (typeof text !== "string") throw invalid(`\`text\` must be a string, not ${nameOf(text)}.`);
  checkOptions(options);
  return text.toWellFormed();
}

function checkOptions(options: unknown): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) throw invalid("`options` must be an object.");
  for (const name of Object.keys(options)) {
    if (name !== "signal") throw invalid(`Unknown option \`${name}\`. Known: signal.`);
  }
  const { signal } = options as { signal?: unknown };
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid("`signal` must be an AbortSignal.");
}

/** Names a wrong value by its type: the value itself may be a document. */
function nameOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value;
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
