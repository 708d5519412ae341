import { PgVectorDBError, type PgVectorDBErrorCode } from "../../errors.ts";
import type { FailedAttempt } from "./attempt.ts";
import { retryAfterMs } from "./retry-after.ts";
import { classifyStatus } from "./service-failure.ts";
import { withoutEcho } from "./without-echo.ts";

export interface AWSFailure {
  readonly service: string;
  /** What the AWS SDK threw. */
  readonly error: unknown;
  readonly query: string;
  readonly texts: readonly string[];
}

type Verdict = readonly [code: PgVectorDBErrorCode, retry: FailedAttempt["retry"]];

/** By name and not by status: a used-up quota is a 400, a failed dependency a 424. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  ThrottlingException: ["rate_limited", "allowed"],
  TooManyRequestsException: ["rate_limited", "allowed"],
  ServiceQuotaExceededException: ["rate_limited", "never"],
  InternalServerException: ["service_error", "allowed"],
  BadGatewayException: ["service_error", "allowed"],
  ServiceUnavailableException: ["service_error", "allowed"],
  DependencyFailedException: ["service_error", "once"],
  ValidationException: ["service_error", "never"],
  ResourceNotFoundException: ["service_error", "never"],
  ConflictException: ["service_error", "never"],
  AccessDeniedException: ["unauthorized", "never"],
  UnrecognizedClientException: ["unauthorized", "never"],
  InvalidSignatureException: ["unauthorized", "never"],
  ExpiredTokenException: ["unauthorized", "never"],
  CredentialsProviderError: ["unauthorized", "never"],
  TimeoutError: ["network", "allowed"],
  // The SDK reads an answer whose connection was cut as if it were whole.
  SyntaxError: ["invalid_response", "allowed"],
};

const CREDENTIALS_ADVICE =
  "Check the AWS credentials (the SDK's chain, or `credentials`) and that they allow bedrock:Rerank and bedrock:InvokeModel.";

/** Says what an error of the AWS SDK means. The SDK's error is not kept as `cause`: it carries request and response. */
export function awsFailure({ service, error, query, texts }: AWSFailure): FailedAttempt {
  const {
    name = "Error",
    message = "",
    code,
    $metadata,
    $response,
  } = (error ?? {}) as {
    name?: string;
    message?: string;
    code?: unknown;
    $metadata?: { httpStatusCode?: number };
    $response?: { headers?: Record<string, string> };
  };
  const [errorCode, retry] = verdictOf(name, code, $metadata?.httpStatusCode);
  const said =
    errorCode === "service_error" || errorCode === "rate_limited"
      ? withoutEcho(message, { query, texts, secrets: [] })
      : "";
  const sentences = [
    `${service} failed with ${/^\w{1,60}$/.test(name) ? name : "an error"}${said === "" ? "." : `: ${said.replace(/[.\s]*$/, ".")}`}`,
    ...(errorCode === "unauthorized" ? [CREDENTIALS_ADVICE] : []),
  ];
  return {
    ok: false,
    error: new PgVectorDBError(errorCode, sentences.join(" "), { retryable: retry !== "never" }),
    retry,
    retryAfterMs: retry === "never" ? undefined : retryAfterMs(toHeaders($response?.headers), Date.now()),
  };
}

function verdictOf(name: string, code: unknown, status: number | undefined): Verdict {
  // A system error is of the connection, whatever the SDK makes of it.
  if (typeof code === "string" && /^E[A-Z]{3,}$/.test(code)) return ["network", "allowed"];
  const byName = Object.hasOwn(VERDICTS, name) ? VERDICTS[name] : undefined;
  if (byName !== undefined) return byName;
  if (status === undefined) return ["service_error", "never"];
  // A 2xx that the SDK could not read.
  return status < 300 ? ["invalid_response", "never"] : classifyStatus(status);
}

/** HTTP/2's pseudo-headers (`:status`) are none that `Headers` takes. */
function toHeaders(headers: Record<string, string> = {}): Headers {
  return new Headers(Object.entries(headers).filter(([name]) => !name.startsWith(":")));
}
