import { describe, expect, it } from "vitest";
import { loadOnce } from "./load-once.ts";

describe("loadOnce", () => {
  it("shares one run between all callers", async () => {
    let runs = 0;
    const load = loadOnce(async () => ++runs);
    expect(await Promise.all([load(), load()])).toEqual([1, 1]);
    expect(await load()).toBe(1);
  });

  it("forgets a failure", async () => {
    let runs = 0;
    const load = loadOnce(async () => {
      runs++;
      if (runs === 1) throw new Error("first");
      return runs;
    });
    await expect(load()).rejects.toThrow("first");
    expect(await load()).toBe(2);
  });
});
