import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PgVectorDBError } from "../../errors.ts";
import { LruCache } from "./lru-cache.ts";
import { createScoreCache, ScoreCache } from "./score-cache.ts";
import { listKey, pairKeys } from "./score-key.ts";

const { signal } = new AbortController();

describe("LruCache", () => {
  it("drops what was used longest ago when it is full", () => {
    const cache = new LruCache({ maxBytes: 3 * 190 });
    for (const key of ["a", "b", "c"]) cache.set(key, [1]);
    cache.get("a");
    cache.set("d", [1]);
    expect(["a", "b", "c", "d"].map((key) => cache.get(key) !== undefined)).toEqual([true, false, true, true]);
  });

  it("forgets what is older than its time", () => {
    let now = 0;
    const cache = new LruCache({ ttlMs: 100 }, () => now);
    cache.set("a", [1]);
    now = 99;
    expect(cache.get("a")).toEqual([1]);
    now = 100;
    expect(cache.get("a")).toBeUndefined();
    expect(cache.bytes).toBe(0);
  });

  it("never holds more bytes than it may, and counts them right", () => {
    const step = fc.tuple(
      fc.constantFrom("set", "get", "delete"),
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 0, max: 90 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const cache = new LruCache({ maxBytes: 1500 });
        for (const [action, key, length] of steps) {
          if (action === "set") cache.set(`k${key}`, new Array(length).fill(0));
          if (action === "get") cache.get(`k${key}`);
          if (action === "delete") cache.delete(`k${key}`);
          expect(cache.bytes).toBeLessThanOrEqual(1500);
        }
        for (let key = 0; key < 10; key++) cache.delete(`k${key}`);
        expect(cache.bytes).toBe(0);
      }),
    );
  });
});

describe("ScoreCache", () => {
  const load = (asked: number[][]) => async (positions: readonly number[]) => {
    asked.push([...positions]);
    return positions.map((position) => [position]);
  };

  it("loads each key once, also when it stands twice in one request", async () => {
    const cache = new ScoreCache();
    const asked: number[][] = [];
    expect(await cache.getAll(["a", "b", "a"], signal, load(asked))).toEqual({ scores: [[0], [1], [0]], hits: 1 });
    expect(await cache.getAll(["b", "c"], signal, load(asked))).toEqual({ scores: [[1], [1]], hits: 1 });
    expect(asked).toEqual([[0, 1], [1]]);
  });

  it("shares a failure, but not an abort, and remembers neither", async () => {
    const cache = new ScoreCache();
    for (const [code, loads] of [
      ["service_error", 1],
      ["timeout", 2],
    ] as const) {
      let calls = 0;
      const failOnce = async () => {
        if (++calls === 1) throw new PgVectorDBError(code, "failed");
        return [[7]];
      };
      const [first, second] = await Promise.allSettled([
        cache.getAll(["k"], signal, failOnce),
        cache.getAll(["k"], signal, failOnce),
      ]);
      expect(first.status).toBe("rejected");
      expect(second.status).toBe(code === "timeout" ? "fulfilled" : "rejected");
      expect(calls).toBe(loads);
      cache.clear();
    }
  });

  it("checks its options", () => {
    expect(createScoreCache(false)).toBeUndefined();
    expect(createScoreCache(true)).toBeInstanceOf(ScoreCache);
    expect(() => createScoreCache({ maxBytes: 0 })).toThrow(/`cache.maxBytes`/);
    expect(() => createScoreCache({ ttl: 5 } as object)).toThrow(/`cache.ttl`/);
  });
});

describe("keys", () => {
  it("differ whenever a part differs, however the parts are cut", () => {
    const parts = fc.tuple(
      fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 }),
      fc.string({ maxLength: 3 }),
      fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 3 }),
    );
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        // Identity and query are told apart by their number, as every rerank of one backend has as many.
        fc.pre(a[0].length === b[0].length);
        expect(listKey(...a) === listKey(...b)).toBe(same);
        expect(pairKeys(...a)[0] === pairKeys(...b)[0]).toBe(
          JSON.stringify([a[0], a[1], a[2][0]]) === JSON.stringify([b[0], b[1], b[2][0]]),
        );
      }),
      { numRuns: 300 },
    );
    expect(pairKeys(["m"], "q", ["ab", "c"])).not.toEqual(pairKeys(["m"], "q", ["a", "bc"]));
    expect(pairKeys(["m"], "q", ["a"])).not.toEqual(pairKeys(["m2"], "q", ["a"]));
  });
});
