import type { RerankInput } from "../contracts/document.ts";
import type { RerankOptions } from "../contracts/reranker.ts";
import { PgVectorDBError } from "../errors.ts";
import type { DocumentText } from "./document-text.ts";
import { checkFailurePolicy } from "./failure-policy.ts";

const OPTION_NAMES: ReadonlySet<string> = new Set<keyof RerankOptions>([
  "topK",
  "threshold",
  "signal",
  "timeoutMs",
  "onError",
]);

/** Checks everything a caller can get wrong before any model is loaded. @throws PgVectorDBError `invalid_argument` */
export function checkRerankArguments(query: unknown, documents: unknown, options: unknown): void {
  if (typeof query !== "string") throw invalid(`\`query\` must be a string, not ${nameOf(query)}.`);
  if (query.trim() === "") throw invalid("`query` must not be blank: pass the question to rank by.");
  if (!Array.isArray(documents)) {
    throw invalid(`\`documents\` must be an array of strings or objects with a \`content\`, not ${nameOf(documents)}.`);
  }
  checkOptions(options);
}

/**
 * The text of every document, each read once. Lone surrogates, which no tokenizer or service accepts, become U+FFFD.
 *
 * @throws PgVectorDBError `invalid_argument` that names the position of a document without text
 */
export function textsOf(documents: readonly RerankInput[], textOf: DocumentText): string[] {
  return Array.from(documents, (document, index) => {
    const text = textOf(document);
    if (typeof text !== "string") {
      throw invalid(
        `\`documents[${index}]\` must be a string or an object whose \`content\` is a string; ` +
          "with `fields` it needs one of them, and `render` must return a string.",
      );
    }
    return text.toWellFormed();
  });
}

function checkOptions(options: unknown): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalid(`\`options\` must be an object, not ${nameOf(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.has(name)) {
      throw invalid(`Unknown option \`${name}\`. Known: ${[...OPTION_NAMES].join(", ")}.`);
    }
  }
  const { topK, threshold, onError } = options as { topK?: unknown; threshold?: unknown; onError?: unknown };
  checkFailurePolicy(onError);
  if (topK !== undefined && !(Number.isSafeInteger(topK) && (topK as number) >= 1)) {
    throw invalid("`topK` must be a positive integer; leave it out to get every document.");
  }
  if (threshold !== undefined && !(typeof threshold === "number" && threshold >= 0 && threshold <= 1)) {
    throw invalid("`threshold` must be a number from 0 to 1: it is compared with `score`.");
  }
}

/** Names a wrong value by its type: the value itself may be a document. */
function nameOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value;
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
