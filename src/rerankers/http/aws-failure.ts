import { PgVectorDBError, type PgVectorDBErrorCode } from "../../errors.ts";
import type { FailedAttempt } from "./attempt.ts";
import { retryAfterMs } from "./retry-after.ts";
import { classifyStatus } from "./service-failure.ts";
import { type PrivateText, withoutEcho } from "./without-echo.ts";

export interface AWSFailure {
  readonly service: string;
  /** What the AWS SDK threw. */
  readonly error: unknown;
  readonly privateText: PrivateText;
}

type Verdict = readonly [code: PgVectorDBErrorCode, retry: FailedAttempt["retry"]];

const NETWORK: Verdict = ["network", "allowed"];

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
  IncompleteSignatureException: ["unauthorized", "never"],
  IncompleteSignature: ["unauthorized", "never"],
  MissingAuthenticationTokenException: ["unauthorized", "never"],
  RequestExpired: ["unauthorized", "never"],
  CredentialsProviderError: ["unauthorized", "never"],
  TimeoutError: NETWORK,
};

/** Of a 2xx: the SDK reads an answer whose connection was cut as if it were whole. */
const UNREADABLE: Verdict = ["invalid_response", "allowed"];

const CREDENTIALS_ADVICE =
  "Check the AWS credentials (the SDK's chain, or `credentials`) and that they allow bedrock:Rerank and bedrock:InvokeModel.";

/** Says what an error of the AWS SDK means. The SDK's error is not kept as `cause`: it carries request and response. */
export function awsFailure({ service, error, privateText }: AWSFailure): FailedAttempt {
  const { name = "Error", message = "", $metadata, $response } = (error ?? {}) as AWSError;
  const connectionCode = connectionCodeOf(error);
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  const [errorCode, retry] = connectionCode === undefined ? verdictOf(name, status) : NETWORK;
  const shownName = /^\w{1,60}$/.test(name) ? name : "an error";
  const said = errorCode === "service_error" || errorCode === "rate_limited" ? withoutEcho(message, privateText) : "";
  const sentences =
    errorCode === "network"
      ? [
          `${service} could not be reached, or broke off its answer (${connectionCode ?? shownName}).`,
          "Check `region` or `endpoint`, and the network.",
        ]
      : [
          `${service} failed with ${shownName}${said === "" ? "." : `: ${said.replace(/[.\s]*$/, ".")}`}`,
          ...(errorCode === "unauthorized" ? [CREDENTIALS_ADVICE] : []),
        ];
  return {
    ok: false,
    error: new PgVectorDBError(errorCode, sentences.join(" "), { retryable: retry !== "never" }),
    retry,
    retryAfterMs: retry === "never" ? undefined : retryAfterMs(toHeaders($response?.headers), Date.now(), errorCode),
  };
}

interface AWSError {
  readonly name?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Record<string, string> };
}

/**
 * A system error, or one of HTTP/2, which the SDK speaks, is of the connection, whatever the SDK makes of it. What ended a
 * pending stream of HTTP/2 is its cause.
 */
function connectionCodeOf(error: unknown): string | undefined {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return [cause?.code, code].find(
    (one): one is string => typeof one === "string" && /^(?:E[A-Z]{3,}|ERR_HTTP2_[A-Z0-9_]{1,40})$/.test(one),
  );
}

function verdictOf(name: string, status: number | undefined): Verdict {
  const byName = Object.hasOwn(VERDICTS, name) ? VERDICTS[name] : undefined;
  if (byName !== undefined) return byName;
  // A page of a proxy says no more than its status does.
  if (name === "SyntaxError" && (status === undefined || status < 300)) return UNREADABLE;
  if (status === undefined) return ["service_error", "never"];
  // A 2xx that the SDK could not read.
  return status < 300 ? ["invalid_response", "never"] : classifyStatus(status);
}

/** HTTP/2's pseudo-headers (`:status`) are none that `Headers` takes. */
function toHeaders(headers: Record<string, string> = {}): Headers {
  return new Headers(Object.entries(headers).filter(([name]) => !name.startsWith(":")));
}
