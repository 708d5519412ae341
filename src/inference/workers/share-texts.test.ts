import { describe, expect, it } from "vitest";
import { takeNext } from "./call-progress.ts";
import { isAllTaken, shareTexts } from "./share-texts.ts";

const texts = Array.from({ length: 40 }, (_, i) => "x".repeat((i * 37) % 100));

describe("shareTexts", () => {
  it("gives all workers the same texts, each beside its place, in portions", () => {
    const [share, ...others] = shareTexts(texts, 3);
    expect(others).toEqual([]);
    expect(share?.workers).toBe(3);
    const { texts: shared, positions, ends } = share?.shared ?? { texts: [], positions: [], ends: [] };
    expect([...positions].sort((a, b) => a - b)).toEqual(texts.map((_, i) => i));
    expect(shared).toEqual(positions.map((position) => texts[position]));
    expect(ends.length).toBeGreaterThan(4);
    expect(ends.at(-1)).toBe(40);
    expect(ends).toEqual([...new Set(ends)].sort((a, b) => a - b));
  });

  it("leaves one worker's texts as they are, also none at all", () => {
    expect(shareTexts(texts, 1)).toMatchObject([{ workers: 1, shared: { texts, ends: [40] } }]);
    expect(shareTexts([], 0)).toMatchObject([{ workers: 1, shared: { texts: [], positions: [], ends: [0] } }]);
  });

  it("copies no text to several workers where they are many megabytes", () => {
    const large = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(1_000_000));
    const shares = shareTexts(large, 2);
    expect(shares.map(({ workers }) => workers)).toEqual([1, 1]);
    const dealt = shares.flatMap(({ shared }) => shared.positions.map((place, i) => [place, shared.texts[i]] as const));
    expect(dealt.sort(([a], [b]) => a - b).map(([, text]) => text)).toEqual(large);
    expect(shareTexts(large.slice(0, 3), 2).map(({ workers }) => workers)).toEqual([2]);
  });

  it("counts a long text as what is read of it, which is all of it where it is split", () => {
    const uneven = ["a".repeat(1_000_000), ...Array.from({ length: 40 }, () => "b".repeat(2000))];
    const besideLong = (longestCounted?: number) => {
      const { positions = [], ends = [] } = shareTexts(uneven, 2, longestCounted)[0]?.shared ?? {};
      const portion = ends.findIndex((end) => positions.indexOf(0) < end);
      return (ends[portion] ?? 0) - (ends[portion - 1] ?? 0) - 1;
    };
    expect(besideLong()).toBeGreaterThan(3);
    expect(besideLong(Number.POSITIVE_INFINITY)).toBe(0);
  });
});

describe("isAllTaken", () => {
  it("is so once as many were taken as there are", () => {
    const shared = shareTexts(["a", "b", "c"], 2)[0]?.shared as Parameters<typeof isAllTaken>[0];
    for (const _ of shared.ends) {
      expect(isAllTaken(shared)).toBe(false);
      takeNext(shared.progress);
    }
    expect(isAllTaken(shared)).toBe(true);
  });
});
