/** What a service may quote back at us and what must not reach an error message. */
export interface PrivateText {
  readonly query: string;
  readonly texts: readonly string[];
  /** Keys, header values, values of the address's query. */
  readonly secrets: readonly string[];
}

const MAX_READ = 1000;
const MAX_LENGTH = 300;
const WORD = /[\p{L}\p{N}_]+/gu;
/** This many words in a row that are also in a document are a quotation. */
const QUOTED_WORDS = 3;
const COMMON_WORD = /^(?:[a-z]{1,11}|\d{1,3})$/;
const SENTENCE_START = /(?:^|[.!?]\s+)$/;
const REDACTED = "…";

/**
 * A service's own error message, for a person to read, with everything taken out that it quotes from the request:
 * secrets, whole documents, runs of words, and single words that are not plain English.
 */
export function withoutEcho(message: string, { query, texts, secrets }: PrivateText): string {
  const sent = [query, ...texts];
  const hidden = secrets.flatMap(secretParts);
  // Before anything is cut: half a secret is not recognised. Cut behind the last whole word for the same reason.
  let safe = withoutSecrets(message, hidden);
  if (safe.length > MAX_READ) safe = safe.slice(0, MAX_READ).replace(/[\p{L}\p{N}_]*$/u, "");
  safe = withoutSecrets(unescapeJson(safe), hidden);
  for (const text of sent)
    if (text.trim() !== "" && !/[\p{L}\p{N}]/u.test(text)) safe = safe.replaceAll(text.trim(), REDACTED);
  safe = redactWords(
    safe,
    sent.map((text) => wordsOf(text).join(" ")),
  );
  return safe.length > MAX_LENGTH ? `${safe.slice(0, MAX_LENGTH)}…` : safe;
}

/** Long enough to be a secret by itself, and longer than the names of authorization schemes. */
const MIN_PART_LENGTH = 8;

/** The whole, and the key in `Bearer <key>` or `session=<key>; path=/`, which a service may quote alone. */
function secretParts(secret: string): string[] {
  const parts = secret.split(/[\s=;,"]+/).filter((part) => part.length >= MIN_PART_LENGTH);
  return [secret, ...parts].filter((part) => part !== "");
}

function withoutSecrets(message: string, secrets: readonly string[]): string {
  return secrets.reduce((safe, secret) => safe.replaceAll(secret, REDACTED), message);
}

function redactWords(message: string, sent: readonly string[]): string {
  const words = [...message.matchAll(WORD)];
  const lower = words.map(([word]) => word.toLowerCase());
  const isPart = (run: string) => sent.some((text) => text.includes(run));
  const whole = new Set(sent);
  const quoted = words.map(({ 0: word, index }, at) => {
    const isStart = SENTENCE_START.test(message.slice(0, index));
    return !COMMON_WORD.test(isStart ? (lower[at] as string) : word) && isPart(lower[at] as string);
  });
  for (let at = 0; at < words.length; at++) {
    for (let length = 1; length <= QUOTED_WORDS && at + length <= words.length; length++) {
      const run = lower.slice(at, at + length).join(" ");
      if (whole.has(run) || (length === QUOTED_WORDS && isPart(run))) quoted.fill(true, at, at + length);
    }
  }
  let safe = "";
  let from = 0;
  for (const [at, word] of words.entries()) {
    safe += message.slice(from, word.index) + (quoted[at] ? REDACTED : word[0]);
    from = word.index + word[0].length;
  }
  safe += message.slice(from);
  return safe
    .replace(/\s+/g, " ")
    .trim()
    .replace(/…(?:[^\p{L}\p{N}]*…)+/gu, REDACTED);
}

/** A message may quote JSON inside JSON, where a line break reads as the letter n. */
function unescapeJson(message: string): string {
  return message
    .replace(/\\u([0-9a-f]{4})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\[bfnrt]/g, " ")
    .replace(/\\(["\\/])/g, "$1");
}

function wordsOf(text: string): string[] {
  return Array.from(text.matchAll(WORD), ([word]) => word.toLowerCase());
}
