import { describe, expect, it } from "vitest";
import { collectParts } from "./collect-parts.ts";
import type { PartResult } from "./run-portions.ts";
import type { EmbedTask } from "./worker-messages.ts";

type Parts = readonly PartResult<EmbedTask>[];
const part = (...positions: number[]) => ({ positions, result: { vectors: [] } });
const never = new Promise<Parts>(() => {});

describe("collectParts", () => {
  it("waits for every text and for no worker beyond", async () => {
    let answer = (_: Parts) => {};
    const late = new Promise<Parts>((resolve) => {
      answer = resolve;
    });
    const collected = collectParts([Promise.resolve([part(0, 2)]), never, late], 4);
    const first = await Promise.race([collected, Promise.resolve("waits")]);
    expect(first).toBe("waits");
    answer([part(3), part(1)]);
    expect((await collected).flatMap(({ positions }) => positions)).toEqual([0, 2, 3, 1]);
  });

  it("rejects with the first failure, and with none that comes after everything is there", async () => {
    await expect(collectParts([never, Promise.reject(new Error("broken"))], 1)).rejects.toThrow("broken");
    const failing = Promise.resolve().then(() => Promise.reject(new Error("too late")));
    expect(await collectParts([Promise.resolve([part(0)]), failing], 1)).toHaveLength(1);
    await expect(failing).rejects.toThrow("too late");
  });

  it("gives a call without texts the one answer there is", async () => {
    expect(await collectParts([Promise.resolve([part()])], 0)).toEqual([part()]);
  });
});
