import { Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { PrefixStates } from "./prefix-states.ts";

const MIB = 2 ** 20;

function recorder(bytes: number) {
  const states = new PrefixStates();
  const made: number[] = [];
  const get = (...ids: number[]) =>
    states.get(Int32Array.from(ids), async () => {
      made.push(ids.length === 1 ? (ids[0] as number) : ids.length);
      return { "prefix.0.key": new Tensor("float32", new Float32Array(bytes / 4), [bytes / 4]) };
    });
  return { get, made };
}

describe("PrefixStates", () => {
  it("makes the state of the same tokens once", async () => {
    const { get, made } = recorder(4);
    const first = await get(1, 23);
    expect(await get(1, 23)).toBe(first);
    expect(await get(12, 3)).not.toBe(first);
    expect(made).toEqual([2, 2]);
  });

  it("forgets what was not used for the longest time, by number and by bytes", async () => {
    const small = recorder(4);
    for (const id of [1, 2, 3, 4, 5, 6, 7, 8, 1, 9, 1, 2]) await small.get(id);
    expect(small.made).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 2]);
    const large = recorder(60 * MIB);
    for (const id of [1, 2, 1, 3, 1, 2]) await large.get(id);
    expect(large.made).toEqual([1, 2, 3, 2]);
  });

  it("keeps the latest however large it is, and no other beside it", async () => {
    const { get, made } = recorder(200 * MIB);
    for (const id of [1, 1, 2, 2, 1]) await get(id);
    expect(made).toEqual([1, 2, 1]);
  });

  it("keeps nothing of a run that failed", async () => {
    const states = new PrefixStates();
    const ids = Int32Array.of(1);
    await expect(states.get(ids, () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await states.get(ids, async () => ({}))).toEqual({});
  });
});
