import { describe, expect, it } from "vitest";
import { SharedLoad } from "./shared-load.ts";

/** A load that is finished by hand. */
function manualLoad() {
  const signals: AbortSignal[] = [];
  const finishers: ((value: string) => void)[] = [];
  const failers: ((error: Error) => void)[] = [];
  const shared = new SharedLoad<string>((signal) => {
    signals.push(signal);
    return new Promise((resolve, reject) => {
      finishers.push(resolve);
      failers.push(reject);
    });
  });
  return { shared, signals, finishers, failers };
}

const signal = new AbortController().signal;

describe("SharedLoad", () => {
  it("loads once for any number of callers", async () => {
    const { shared, signals, finishers } = manualLoad();
    const calls = [shared.get(signal), shared.get(signal)];
    finishers[0]?.("loaded");
    expect(await Promise.all([...calls, shared.get(signal)])).toEqual(["loaded", "loaded", "loaded"]);
    expect(signals).toHaveLength(1);
  });

  it("goes on for the others when one caller leaves", async () => {
    const { shared, signals, finishers } = manualLoad();
    const leaver = new AbortController();
    const left = shared.get(leaver.signal);
    const stayed = shared.get(signal);
    leaver.abort();
    await expect(left).rejects.toMatchObject({ code: "aborted" });
    expect(signals[0]?.aborted).toBe(false);
    finishers[0]?.("loaded");
    expect(await stayed).toBe("loaded");
  });

  it("stops when nobody waits any more, and starts again for the next", async () => {
    const { shared, signals, finishers } = manualLoad();
    const leaver = new AbortController();
    const left = shared.get(leaver.signal);
    leaver.abort();
    await expect(left).rejects.toMatchObject({ code: "aborted" });
    expect(signals[0]?.aborted).toBe(true);
    const next = shared.get(signal);
    finishers[1]?.("loaded");
    expect(await next).toBe("loaded");
  });

  it("forgets a failure", async () => {
    const { shared, failers, finishers } = manualLoad();
    const first = shared.get(signal);
    failers[0]?.(new Error("offline"));
    await expect(first).rejects.toThrow("offline");
    const second = shared.get(signal);
    finishers[1]?.("loaded");
    expect(await second).toBe("loaded");
  });
});
