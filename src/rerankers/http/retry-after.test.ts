import { describe, expect, it } from "vitest";
import type { PgVectorDBErrorCode } from "../../errors.ts";
import { retryAfterMs } from "./retry-after.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const read = (headers: Record<string, string>, code: PgVectorDBErrorCode = "rate_limited") =>
  retryAfterMs(new Headers(headers), NOW, code);

describe("retryAfterMs", () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ "retry-after": "2" }, 2000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "Sun, 01 Mar 2026 12:00:07 GMT" }, 7000],
    [{ "retry-after": "Sun, 01 Mar 2026 11:00:00 GMT" }, 0],
    [{ "retry-after": "Sunday, 01-Mar-26 12:00:07 GMT" }, 7000],
    [{ "retry-after": "Sun Mar  1 12:00:07 2026" }, 7000],
    [{ "retry-after": "Sun Mar 15 12:00:00 2026" }, 14 * 86_400_000],
    [{ "retry-after": "-3" }, 0],
    [{ "retry-after": "5 apples" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "retry-after-ms": "40", "retry-after": "2" }, 40],
    [{ "retry-after-ms": "soon", "retry-after": "2" }, 2000],
    [{ "x-ratelimit-reset": String(NOW / 1000 + 3) }, 3000],
    [{ "x-ratelimit-reset": String(NOW + 3) }, 3],
    [{ "x-ratelimit-reset": "4" }, 4000],
    [{ "ratelimit-reset": "5" }, 5000],
    [{ "x-ratelimit-reset-requests": "1m30.5s" }, 90_500],
    [{ "x-ratelimit-reset-requests": "20ms", "x-ratelimit-reset-tokens": "1s" }, 1000],
    [{ "x-ratelimit-reset-requests": "6m" }, 360_000],
    [{ "x-ratelimit-reset-requests": "2h" }, 7_200_000],
    [{ "x-ratelimit-reset-requests": "ms" }, undefined],
  ])("reads %o as %s", (headers, expected) => {
    expect(read(headers)).toBe(expected);
  });

  it.each(["x-ratelimit-reset", "ratelimit-reset", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"])(
    "looks at %s only where a limit was what failed",
    (header) => {
      expect(read({ [header]: "60" }, "service_error")).toBeUndefined();
      expect(read({ [header]: "60", "retry-after": "1" }, "service_error")).toBe(1000);
      expect(read({ [header]: "60" })).toBe(60_000);
    },
  );
});
