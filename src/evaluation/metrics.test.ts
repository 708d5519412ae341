import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { averagePrecision } from "./average-precision.ts";
import { hitRate } from "./hit-rate.ts";
import type { Judgements } from "./judgements.ts";
import { type MetricName, metricOf } from "./metric-name.ts";
import { ndcg } from "./ndcg.ts";
import { precision } from "./precision.ts";
import { readTrecRun } from "./read-trec.ts";
import { recall } from "./recall.ts";
import { reciprocalRank } from "./reciprocal-rank.ts";

// Five documents are judged, three of them relevant; the ranking has two of those, at ranks 2 and 5.
const judgements: Judgements = new Map([
  ["a", 3],
  ["b", 2],
  ["c", 1],
  ["x", 0],
  ["y", 0],
]);
const ranking = ["x", "c", "unjudged", "y", "a"];

describe("metrics on a case worked by hand", () => {
  it("ndcg", () => {
    // Gains 0, 1, 0, 0, 3: 1 / log2(3) + 3 / log2(6). Ideal 3, 2, 1: 3 / log2(2) + 2 / log2(3) + 1 / log2(4).
    const gained = 1 / 1.584962500721156 + 3 / 2.584962500721156;
    const ideal = 3 + 2 / 1.584962500721156 + 1 / 2;
    expect(ndcg(ranking, judgements)).toBeCloseTo(gained / ideal, 12);
    expect(ndcg(ranking, judgements, { k: 5 })).toBeCloseTo(0.3762161, 7);
    // At 2 the ideal is cut as well: 1 / log2(3) over 3 + 2 / log2(3).
    expect(ndcg(ranking, judgements, { k: 2 })).toBeCloseTo(0.6309298 / 4.2618595, 7);
    expect(ndcg(["a", "b", "c"], judgements)).toBe(1);
  });

  it("mrr", () => {
    expect(reciprocalRank(ranking, judgements)).toBe(1 / 2);
    expect(reciprocalRank(ranking, judgements, { k: 1 })).toBe(0);
    expect(reciprocalRank(ranking, judgements, { minGrade: 2 })).toBe(1 / 5);
  });

  it("map", () => {
    // Relevant at ranks 2 and 5 with precisions 1/2 and 2/5; three are relevant in all.
    expect(averagePrecision(ranking, judgements)).toBeCloseTo((1 / 2 + 2 / 5) / 3, 12);
    expect(averagePrecision(ranking, judgements, { k: 4 })).toBeCloseTo(1 / 2 / 3, 12);
  });

  it("recall", () => {
    expect(recall(ranking, judgements)).toBeCloseTo(2 / 3, 12);
    expect(recall(ranking, judgements, { k: 4 })).toBeCloseTo(1 / 3, 12);
    expect(recall(ranking, judgements, { minGrade: 2 })).toBeCloseTo(1 / 2, 12);
  });

  it("precision", () => {
    expect(precision(ranking, judgements)).toBeCloseTo(2 / 5, 12);
    expect(precision(ranking, judgements, { k: 2 })).toBeCloseTo(1 / 2, 12);
    // Divided by k although only five are ranked.
    expect(precision(ranking, judgements, { k: 10 })).toBeCloseTo(2 / 10, 12);
  });

  it("hit rate", () => {
    expect(hitRate(ranking, judgements)).toBe(1);
    expect(hitRate(ranking, judgements, { k: 1 })).toBe(0);
    expect(hitRate(ranking, judgements, { minGrade: 3, k: 4 })).toBe(0);
  });

  it.each(["ndcg", "mrr", "map", "recall", "precision", "hit_rate"] as const)(
    "%s is 0 when there is nothing to find or nothing found",
    (name) => {
      expect(metricOf(name)([], judgements)).toBe(0);
      expect(metricOf(name)(["x", "z"], judgements)).toBe(0);
      expect(metricOf(name)(["x", "a"], new Map())).toBe(0);
      expect(
        metricOf(name)(
          ["x", "a"],
          new Map([
            ["x", 0],
            ["a", -1],
          ]),
        ),
      ).toBe(0);
    },
  );
});

describe("metrics against trec_eval", () => {
  it("are equal on random runs with ties, at two relevance levels", async () => {
    const golden = JSON.parse(await readFile("test/fixtures/metrics-golden.json", "utf8"));
    const run = await readRun(golden.run);
    let compared = 0;
    for (const [level, queries] of Object.entries<Record<string, Record<string, number>>>(golden.levels)) {
      for (const [query, values] of Object.entries(queries)) {
        const judged = new Map<string, number>(Object.entries(golden.qrels[query]));
        const ids = run.get(query)?.map(({ id }) => id) ?? [];
        for (const [measure, expected] of Object.entries(values)) {
          const actual = metricOf(nameOf(measure), { minGrade: Number(level) })(ids, judged);
          expect(actual, `${query} ${measure} at level ${level}`).toBeCloseTo(expected, 6);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(700);
  });
});

describe("metrics on any ranking", () => {
  const ids = fc.uniqueArray(fc.constantFrom(..."abcdefghijkl"), { maxLength: 12 });
  const judged = fc
    .array(fc.tuple(fc.constantFrom(..."abcdefghijkl"), fc.integer({ min: -1, max: 3 })))
    .map((e) => new Map(e));
  const names = fc.constantFrom<MetricName>(
    "ndcg@5",
    "ndcg",
    "mrr@3",
    "map",
    "map@4",
    "recall@5",
    "precision@5",
    "hit_rate@3",
  );

  it("stay on 0..1", () => {
    fc.assert(
      fc.property(ids, judged, names, (ranked, grades, name) => {
        const value = metricOf(name)(ranked, grades);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });

  it("do not fall when a better document moves up by one", () => {
    fc.assert(
      fc.property(ids, judged, names, fc.nat(), (ranked, grades, name, seed) => {
        fc.pre(ranked.length > 1);
        const at = 1 + (seed % (ranked.length - 1));
        const swapped = ranked.with(at, ranked[at - 1] as string).with(at - 1, ranked[at] as string);
        const gradeOf = (id: string | undefined) => grades.get(id ?? "") ?? 0;
        fc.pre(gradeOf(ranked[at]) >= gradeOf(ranked[at - 1]));
        expect(metricOf(name)(swapped, grades)).toBeGreaterThanOrEqual(metricOf(name)(ranked, grades) - 1e-12);
      }),
    );
  });
});

describe("metrics given something wrong", () => {
  it.each([
    ["a document twice", () => ndcg(["a", "a"], judgements)],
    ["a ranking that is not an array", () => recall("a" as never, judgements)],
    ["judgements that are not a Map", () => recall(["a"], { a: 1 } as never)],
    ["a grade that is not finite", () => ndcg(["a"], new Map([["a", Number.NaN]]))],
    ["k of 0", () => ndcg(["a"], judgements, { k: 0 })],
    ["k of 1.5", () => precision(["a"], judgements, { k: 1.5 })],
    ["a relevance level of 0", () => hitRate(["a"], judgements, { minGrade: 0 })],
    ["an unknown name", () => metricOf("f1" as MetricName)],
    ["a name from the prototype", () => metricOf("toString" as MetricName)],
    ["a cutoff of 0", () => metricOf("ndcg@0")],
    ["a cutoff that is no number", () => metricOf("ndcg@ten" as MetricName)],
  ])("refuse %s", (_, call) => {
    expect(call).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });
});

function nameOf(measure: string): MetricName {
  const names: Record<string, string> = {
    recip_rank: "mrr",
    P: "precision",
    success: "hit_rate",
    ndcg_cut: "ndcg",
    map_cut: "map",
  };
  const [, kind = "", k] = /^(.*?)(?:_(\d+))?$/.exec(measure) ?? [];
  return `${names[kind] ?? kind}${k === undefined ? "" : `@${k}`}` as MetricName;
}

async function readRun(scores: Record<string, Record<string, number>>) {
  const folder = await mkdtemp(join(tmpdir(), "run-"));
  const lines = Object.entries(scores).flatMap(([query, documents]) =>
    Object.entries(documents).map(([id, score]) => `${query} Q0 ${id} 0 ${score} test`),
  );
  await writeFile(join(folder, "run.txt"), lines.join("\n"));
  const run = await readTrecRun(join(folder, "run.txt"));
  await rm(folder, { recursive: true });
  return run;
}
