import { describe, expect, it } from "vitest";
import { serviceFailure } from "./service-failure.ts";

const fail = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  serviceFailure({
    service: "Cohere",
    status,
    headers: new Headers(headers),
    body: typeof body === "string" ? body : JSON.stringify(body),
    privateText: { query: "the query", texts: ["a document about Zanzibar"], secrets: ["sk-secret"] },
    keyAdvice: "Set the key.",
    refusalAdvice: (said) => (said.includes("model") ? "Take another." : undefined),
  });

describe("serviceFailure", () => {
  it.each<[string, unknown, string]>([
    ["Cohere", { message: "invalid request: top_n" }, "Cohere answered 400: invalid request: top_n."],
    ["Voyage", { detail: "too many tokens." }, "Cohere answered 400: too many tokens."],
    ["TEI", { error: "batch too large", error_type: "validation" }, "Cohere answered 400: batch too large."],
    ["vLLM", { error: { message: "too long", code: 400 } }, "Cohere answered 400: too long."],
    [
      "FastAPI",
      { detail: [{ loc: ["body", "top_n"], msg: "must be > 0", input: "the query" }] },
      "Cohere answered 400: body.top_n: must be > 0.",
    ],
    ["a proxy", "<html>Bad Request</html>", "Cohere answered 400."],
    ["nobody", "", "Cohere answered 400."],
    ["plain text", "nope", "Cohere answered 400: nope."],
    ["a quotation", { message: "bad document about Zanzibar" }, "Cohere answered 400: bad …."],
    ["Jina", { detail: { code: "INPUT_MODEL_NOT_FOUND" } }, "Cohere answered 400: INPUT_MODEL_NOT_FOUND."],
    ["advice", { message: "no such model" }, "Cohere answered 400: no such model. Take another."],
  ])("reads the message of %s", (_who, body, message) => {
    expect(fail(400, body).error.message).toBe(message);
  });

  it("passes on of a refused key only the error's name", () => {
    const { error } = fail(403, { detail: "AUTHZ_INSUFFICIENT_BALANCE for key sk-se…ret" });
    expect(error.message).toBe("Cohere answered 403: AUTHZ_INSUFFICIENT_BALANCE. Set the key.");
    expect(error).toMatchObject({ code: "unauthorized", retryable: false });
    const nested = fail(401, { detail: { code: "AUTH_INVALID_API_KEY", message: "Invalid key sk-se…" } });
    expect(nested.error.message).toBe("Cohere answered 401: AUTH_INVALID_API_KEY. Set the key.");
  });

  it.each([
    [400, "service_error", "never"],
    [401, "unauthorized", "never"],
    [403, "unauthorized", "never"],
    [404, "service_error", "never"],
    [408, "service_error", "allowed"],
    [413, "service_error", "never"],
    [422, "service_error", "never"],
    [424, "service_error", "never"],
    [429, "rate_limited", "allowed"],
    [498, "unauthorized", "never"],
    [500, "service_error", "allowed"],
    [501, "service_error", "never"],
    [529, "service_error", "allowed"],
  ])("takes %i for %s, retry %s", (status, code, retry) => {
    const failure = fail(status, {}, { "retry-after": "1" });
    expect(failure).toMatchObject({ error: { code }, retry });
    expect(failure.retryAfterMs).toBe(retry === "allowed" ? 1000 : undefined);
  });
});
