import { describe, expect, it } from "vitest";
import { throwIfAborted, withDeadline } from "./deadline.ts";

const never = () => new Promise<never>(() => {});

describe("withDeadline", () => {
  it("gives what the work gives", async () => {
    expect(await withDeadline({ timeoutMs: 1000 }, async () => 5)).toBe(5);
  });

  it("rejects on time although the work ignores the signal", async () => {
    await expect(withDeadline({ timeoutMs: 1 }, never)).rejects.toMatchObject({ code: "timeout", retryable: true });
  });

  it("rejects on abort and keeps the caller's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("user left");
    const call = withDeadline({ signal: controller.signal, timeoutMs: 60_000 }, never);
    controller.abort(reason);
    await expect(call).rejects.toMatchObject({ code: "aborted", cause: reason });
  });

  it("does not start work whose signal has fired", async () => {
    let started = false;
    const call = withDeadline({ signal: AbortSignal.abort() }, async () => {
      started = true;
    });
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    expect(started).toBe(false);
  });

  it("tells the deadline's reason when the work rejects because of it", async () => {
    const call = withDeadline(
      { timeoutMs: 1 },
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))),
    );
    await expect(call).rejects.toMatchObject({ code: "timeout" });
  });

  it("passes on what the work throws, also before its first await", async () => {
    await expect(
      withDeadline({}, () => {
        throw new Error("broken");
      }),
    ).rejects.toThrow("broken");
  });

  it("treats a deadline beyond what a timer holds as none", async () => {
    expect(await withDeadline({ timeoutMs: 2 ** 40 }, () => new Promise((resolve) => setImmediate(resolve, 1)))).toBe(
      1,
    );
    expect(await withDeadline({ timeoutMs: Number.POSITIVE_INFINITY }, async () => 1)).toBe(1);
  });

  it("leaves no listener on the caller's signal", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await withDeadline({ signal }, async () => 1);
    expect(listeners).toBe(0);
  });
});

describe("throwIfAborted", () => {
  it("throws this library's error", () => {
    expect(() => throwIfAborted(undefined)).not.toThrow();
    expect(() => throwIfAborted(AbortSignal.abort())).toThrowError(expect.objectContaining({ code: "aborted" }));
  });
});
