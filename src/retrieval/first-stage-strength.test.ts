import { describe, expect, it } from "vitest";
import { firstStageStrength } from "./first-stage-strength.ts";

describe("firstStageStrength", () => {
  it.each([
    ["semantic", 1],
    ["hybrid", 1],
    ["multimodal", 0.5],
  ])("is strong for a %s search by an embedder that counts as much as keywords", (method, semanticWeight) => {
    expect(firstStageStrength({ method, semanticWeight }, {})).toBe("strong");
    expect(firstStageStrength({ method, semanticWeight }, { hybridWeight: 1 })).toBe("strong");
    expect(firstStageStrength({ method, semanticWeight }, { hybridWeight: 0.9 })).toBe("modest");
    expect(firstStageStrength({ method, semanticWeight }, undefined)).toBe("modest");
  });

  it.each([
    ["keyword", 1],
    ["trigram", 1],
    ["hybrid", 0],
    ["multimodal", 0],
  ])("is modest for a %s search where meaning counts %d", (method, semanticWeight) => {
    expect(firstStageStrength({ method, semanticWeight }, { hybridWeight: 2 })).toBe("modest");
  });
});
