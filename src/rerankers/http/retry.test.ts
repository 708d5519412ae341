import { describe, expect, it } from "vitest";
import { PgVectorDBError } from "../../errors.ts";
import type { Attempt, FailedAttempt } from "./attempt.ts";
import { type RetryOptions, retry } from "./retry.ts";

const failed = (change: Partial<FailedAttempt> = {}): FailedAttempt => ({
  ok: false,
  error: new PgVectorDBError("service_error", "failed"),
  retry: "allowed",
  ...change,
});

async function run(outcomes: Attempt<string>[], change: Partial<RetryOptions> = {}) {
  let attempts = 0;
  let retries = 0;
  const options: RetryOptions = {
    maxRetries: 3,
    retryDelayMs: 1,
    signal: new AbortController().signal,
    deadlineAt: Number.POSITIVE_INFINITY,
    onRetry: () => retries++,
    ...change,
  };
  const result = await retry(async () => outcomes[attempts++] as Attempt<string>, options).catch(
    (error: unknown) => error,
  );
  return { result, attempts, retries };
}

describe("retry", () => {
  const success: Attempt<string> = { ok: true, value: "done" };

  it("repeats what may be repeated", async () => {
    expect(await run([failed(), failed(), success])).toEqual({ result: "done", attempts: 3, retries: 2 });
  });

  it("repeats at most `maxRetries` times, once, or never", async () => {
    const storm = Array.from({ length: 9 }, () => failed());
    expect(await run(storm)).toMatchObject({ attempts: 4, retries: 3 });
    expect(await run(storm, { maxRetries: 0 })).toMatchObject({ attempts: 1, retries: 0 });
    expect(await run([failed({ retry: "once" }), failed({ retry: "once" }), success])).toMatchObject({ attempts: 2 });
    expect(await run([failed({ retry: "never" }), success])).toMatchObject({ attempts: 1 });
  });

  it("waits at least as long as the service asks", async () => {
    const startedAt = performance.now();
    await run([failed({ retryAfterMs: 30 }), success]);
    // Node's timers may fire a millisecond early.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(29);
  });

  it("throws at once when the wait would outlast the deadline, or is absurd", async () => {
    const soon = { deadlineAt: performance.now() + 500 };
    expect(await run([failed({ retryAfterMs: 501 }), success], soon)).toMatchObject({ attempts: 1 });
    expect(await run([failed({ retryAfterMs: 3_600_000 }), success])).toMatchObject({ attempts: 1 });
  });

  it("wakes up when aborted", async () => {
    const controller = new AbortController();
    const pending = run([failed({ retryAfterMs: 100_000 }), success], { signal: controller.signal });
    setImmediate(() => controller.abort());
    expect(await pending).toMatchObject({ result: { code: "aborted" }, attempts: 1, retries: 0 });
  });
});
