import { describe, expect, it } from "vitest";
import type { HitStages } from "../contracts/collection.ts";
import { firstStageRanks } from "./first-stage-ranks.ts";

const hit = (id: string, ranks: { semantic?: number; keyword?: number }) => {
  const stages: HitStages = Object.fromEntries(Object.entries(ranks).map(([arm, rank]) => [arm, { score: 1, rank }]));
  return { id, content: "", metadata: {}, score: 1, stages };
};
// As both arms evenly have them.
const hits = [hit("both", { semantic: 2, keyword: 2 }), hit("meant", { semantic: 1 }), hit("said", { keyword: 1 })];
const rrf = { kind: "rrf", rankConstant: 60 } as const;
const ranked = (ranks: ReadonlyMap<string, number>) => [...ranks].sort((a, b) => a[1] - b[1]).map(([id]) => id);

describe("firstStageRanks", () => {
  it("has the order of a hybrid search of its own where the caller gave no weights", () => {
    const plan = { method: "hybrid", fusion: rrf, hasOwnWeights: false } as const;
    expect(ranked(firstStageRanks(hits, plan, 0.1))).toEqual(["both", "said", "meant"]);
    expect(firstStageRanks(hits, plan, 0)).toEqual(
      new Map([
        ["said", 1],
        ["both", 2],
        ["meant", 3],
      ]),
    );
  });

  it.each([
    [{ method: "hybrid", fusion: rrf, hasOwnWeights: true }, 0],
    [{ method: "hybrid", fusion: { kind: "weighted" }, hasOwnWeights: false }, 0],
    [{ method: "hybrid", fusion: rrf, hasOwnWeights: false }, undefined],
    [{ method: "semantic", fusion: rrf, hasOwnWeights: false }, 0],
  ] as const)("has the order of the hits for %j and an embedder's weight of %j", (plan, hybridWeight) => {
    expect(ranked(firstStageRanks(hits, plan, hybridWeight))).toEqual(["both", "meant", "said"]);
  });
});
