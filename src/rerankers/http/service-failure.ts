import { PgVectorDBError, type PgVectorDBErrorCode } from "../../errors.ts";
import type { FailedAttempt } from "./attempt.ts";
import { retryAfterMs } from "./retry-after.ts";
import { type PrivateText, withoutEcho } from "./without-echo.ts";

export interface ServiceFailure {
  /** The service's name, as a person knows it. */
  readonly service: string;
  readonly status: number;
  readonly headers: Headers;
  /** The body as text: JSON or whatever a proxy wrote. */
  readonly body: string;
  readonly privateText: PrivateText;
  /** What to do about a refused key. */
  readonly keyAdvice: string;
  /** What to add when the request itself was refused, given what the service said. */
  readonly refusalAdvice?: ((said: string) => string | undefined) | undefined;
}

/** How Jina names its errors. */
const ERROR_NAME = /\b(?:AUTHZ?|INPUT|QUOTA|RATE)_[A-Z_]{3,40}\b/;

/** Says what an answer other than 2xx means: which error it is, and whether the request may be made again. */
export function serviceFailure(failure: ServiceFailure): FailedAttempt {
  const { service, status, headers, body } = failure;
  const [code, retry] = classifyStatus(status);
  const safe = withoutEcho(messageIn(body), failure.privateText);
  // A refused key may be quoted in part, which nothing recognises: only the error's own name is passed on.
  const said = code === "unauthorized" ? (ERROR_NAME.exec(safe)?.[0] ?? "") : safe;
  const advice = code === "unauthorized" ? failure.keyAdvice : adviceFor(failure, said);
  const message = [`${service} answered ${status}${said === "" ? "." : `: ${said.replace(/[.\s]*$/, ".")}`}`, advice]
    .filter((part) => part !== undefined)
    .join(" ");
  return {
    ok: false,
    error: new PgVectorDBError(code, message, { retryable: retry === "allowed" }),
    retry,
    retryAfterMs: retry === "allowed" ? retryAfterMs(headers, Date.now(), code) : undefined,
  };
}

/** Which error an HTTP status is, and whether the request may be made again. */
export function classifyStatus(status: number): readonly [code: PgVectorDBErrorCode, retry: "allowed" | "never"] {
  // 498 is Cohere's "invalid token".
  if (status === 401 || status === 403 || status === 498) return ["unauthorized", "never"];
  if (status === 429) return ["rate_limited", "allowed"];
  // 501: the service will not learn it in a second.
  const passing = status === 408 || (status >= 500 && status !== 501);
  return ["service_error", passing ? "allowed" : "never"];
}

function adviceFor({ status, refusalAdvice }: ServiceFailure, said: string): string | undefined {
  if (status >= 300 && status < 400) return "Redirects are not followed: set `baseUrl` to the final address.";
  if (status === 413) return "The request was too large: lower `maxDocumentsPerCall`.";
  return status === 400 || status === 404 || status === 422 ? refusalAdvice?.(said) : undefined;
}

/** The human-readable part of an error body, wherever the service keeps it. */
function messageIn(body: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    // A proxy's HTML page says nothing that the status does not.
    return body.trimStart().startsWith("<") ? "" : body;
  }
  return readMessage(parsed);
}

function readMessage(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(readMessage).filter(Boolean).join("; ");
  if (typeof value !== "object" || value === null) return "";
  const fields = value as Record<string, unknown>;
  // FastAPI's validation errors: `loc` names the field, `input` would be the document.
  const { code } = fields;
  const name = typeof code === "string" && ERROR_NAME.test(code) ? code : "";
  const place = Array.isArray(fields["loc"])
    ? `${fields["loc"].filter((part) => typeof part === "string").join(".")}: `
    : "";
  for (const field of ["message", "detail", "error", "msg", "Message"]) {
    const message = readMessage(fields[field]);
    if (message !== "") return `${name === "" ? "" : `${name}: `}${place}${message}`;
  }
  return name;
}
