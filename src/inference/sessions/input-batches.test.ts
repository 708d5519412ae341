import { describe, expect, it } from "vitest";
import { encodeInBatches } from "./input-batches.ts";

const limits = { model: { batchSize: 8 }, session: { maxBatch: 8, batchTokens: 100, readsPrefixOnce: false } };

/** A text has as many tokens as characters. */
const encode = async (text: string) => ({ ids: new Int32Array(text.length), typeIds: new Uint8Array(text.length) });

/** What each step hands out: how many texts, or nothing. */
async function stepsOf(texts: readonly string[]): Promise<number[]> {
  const steps = [0];
  for await (const batch of encodeInBatches(texts, encode, limits)) {
    if (batch === undefined) steps.push(0);
    else steps[steps.length - 1] = (steps.at(-1) as number) + batch.inputs.length;
  }
  return steps;
}

describe("encodeInBatches", () => {
  it("takes as many steps as the model has runs where texts are few", async () => {
    expect(await stepsOf(["a", "b", "c"])).toEqual([3]);
    expect(await stepsOf(["a".repeat(60), "b".repeat(60)])).toEqual([1, 1]);
    expect(await stepsOf([])).toEqual([0]);
  });

  it("ends a step after every batch but the last, and after every sixteen texts that it encodes", async () => {
    expect(await stepsOf(new Array<string>(20).fill("text"))).toEqual([0, 8, 8, 4]);
    const many = await stepsOf(new Array<string>(1024 + 1).fill("text"));
    expect(many.slice(0, 64)).toEqual([...new Array(63).fill(0), 8]);
    expect(many.slice(-2)).toEqual([8, 1]);
  });

  it("counts only what follows a prefix where that is read once, and bounds how often it is laid before a text", async () => {
    const batchesOf = async (prefixTokens: number, readsPrefixOnce: boolean, batchSize = 8) => {
      const texts = new Array<string>(8).fill("x".repeat(prefixTokens + 10));
      const session = { ...limits.session, readsPrefixOnce };
      const encoded = async (text: string) => ({ ...(await encode(text)), prefixTokens });
      const sizes: number[] = [];
      for await (const batch of encodeInBatches(texts, encoded, { model: { batchSize }, session })) {
        if (batch !== undefined) sizes.push(batch.inputs.length);
      }
      return sizes;
    };
    expect(await batchesOf(40, true)).toEqual([8]);
    expect(await batchesOf(40, true, 5)).toEqual([5, 3]);
    expect(await batchesOf(40, false)).toEqual([2, 2, 2, 2]);
    expect(await batchesOf(2000, true)).toEqual([4, 4]);
    expect(await batchesOf(20_000, true)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });
});
