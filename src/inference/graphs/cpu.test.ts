import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { defaultThreads, detectCpu } from "./cpu.ts";

describe("the processor", () => {
  it("gives at least one thread and never more than this process may use", async () => {
    const threads = await defaultThreads();
    expect(Number.isInteger(threads)).toBe(true);
    expect(threads).toBeGreaterThanOrEqual(1);
    expect(threads).toBeLessThanOrEqual(availableParallelism());
  });

  it("is of a known kind", async () => {
    expect(await detectCpu()).toMatch(process.arch === "arm64" ? /^arm64$/ : /^x64(-vnni)?$/);
  });
});
