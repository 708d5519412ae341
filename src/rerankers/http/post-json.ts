import { PgVectorDBError } from "../../errors.ts";
import type { Attempt, FailedAttempt } from "./attempt.ts";
import { type ServiceFailure, serviceFailure } from "./service-failure.ts";

export interface JsonRequest extends Omit<ServiceFailure, "status" | "headers" | "body"> {
  readonly url: string;
  readonly headers: Headers;
  /** The body, as JSON already. */
  readonly body: string;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal;
}

export interface JsonAnswer {
  readonly body: unknown;
  readonly headers: Headers;
}

/** vLLM echoes every document, so an answer may be as large as the request; beyond this it is no ranking. */
const MIN_ANSWER_LIMIT_BYTES = 8_000_000;
const MAX_ERROR_BYTES = 64_000;

/** Posts JSON once and reads the whole answer under the signal. @throws the signal's reason, nothing else */
export async function postJson(request: JsonRequest): Promise<Attempt<JsonAnswer>> {
  const { url, headers, body, signal } = request;
  let response: Response;
  try {
    // A followed redirect would hand documents and custom key headers to another host.
    response = await request.fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
  } catch (error) {
    return networkFailure(request, error, "could not be reached");
  }
  if (!response.ok) return refusal(request, response);
  const limit = Math.max(MIN_ANSWER_LIMIT_BYTES, 8 * body.length);
  try {
    const text = await readText(response, limit);
    if (text === undefined) return invalidAnswer(request, `answered with more than ${limit} bytes`);
    return parse(request, text, response.headers);
  } catch (error) {
    return networkFailure(request, error, "broke off its answer");
  }
}

async function refusal(request: JsonRequest, response: Response): Promise<FailedAttempt> {
  let body = "";
  try {
    body = (await readText(response, MAX_ERROR_BYTES)) ?? "";
  } catch {
    // The status says enough; only the deadline is worth more.
    request.signal.throwIfAborted();
  }
  return serviceFailure({ ...request, status: response.status, headers: response.headers, body });
}

/** The body as text; `undefined` when it is longer than `limit` bytes. */
async function readText(response: Response, limit: number): Promise<string | undefined> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream, which frees the connection.
  for await (const chunk of response.body) {
    length += chunk.byteLength;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  // As `response.json()` reads it: a byte order mark, which some gateways send, is none of the text.
  return new TextDecoder().decode(Buffer.concat(chunks, length));
}

function parse(request: JsonRequest, text: string, headers: Headers): Attempt<JsonAnswer> {
  try {
    return { ok: true, value: { body: JSON.parse(text) as unknown, headers } };
  } catch {
    // The parser's own message quotes the text.
    return invalidAnswer(request, "answered with something other than JSON");
  }
}

function networkFailure({ service, signal }: JsonRequest, error: unknown, what: string): FailedAttempt {
  signal.throwIfAborted();
  // Only the system's code is kept: what a `fetch` throws may hold the URL, headers or body.
  const code = codeOf(error) ?? codeOf((error as { cause?: unknown } | null)?.cause);
  const message = `${service} ${what}${code === undefined ? "" : ` (${code})`}. Check \`baseUrl\` and the network.`;
  return { ok: false, error: new PgVectorDBError("network", message, { retryable: true }), retry: "allowed" };
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? code : undefined;
}

function invalidAnswer({ service }: JsonRequest, what: string): FailedAttempt {
  return { ok: false, error: new PgVectorDBError("invalid_response", `${service} ${what}.`), retry: "never" };
}
