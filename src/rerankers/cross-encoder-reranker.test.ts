import { afterAll, describe, expect, it } from "vitest";
import { PgVectorDBError } from "../errors.ts";
import { fixtureModel } from "../inference/fixture-models.suite.ts";
import { BUILTIN_FIRST_STAGE_WEIGHT } from "../shipped-model.ts";
import { CrossEncoderReranker } from "./cross-encoder-reranker.ts";
import { HuggingFaceReranker } from "./hugging-face-reranker.ts";
import { describeRerankerContract } from "./reranker-contract.suite.ts";

// The fixture models learned nothing: their examples are pairs that the random weights tell apart.
describeRerankerContract("CrossEncoderReranker", {
  create: () => new CrossEncoderReranker({ model: fixtureModel("tiny-bert-cross-encoder") }),
  example: {
    query: "How many people live in Berlin?",
    relevant: "Berlin had a population of 3,520,031 registered inhabitants in 2016.",
    irrelevant: "The quick brown fox jumps over the lazy dog.",
  },
  tolerance: 1e-4,
});

describeRerankerContract("HuggingFaceReranker", {
  create: () => new HuggingFaceReranker({ model: fixtureModel("tiny-xlm-roberta-cross-encoder") }),
  example: {
    query: "How do I reset my password?",
    relevant: "Press the red button for three seconds to reset the device.",
    irrelevant: "Refunds take 14 days.",
  },
  tolerance: 1e-4,
});

describe("CrossEncoderReranker", () => {
  const reranker = new CrossEncoderReranker({ model: fixtureModel("tiny-bert-cross-encoder"), maxLength: 32 });
  afterAll(() => reranker.close());

  it("tells what was cut, at the caller's own length", async () => {
    const { truncated, usage } = await reranker.rerankDetailed("dog", ["dog", "dog ".repeat(50)]);
    expect(truncated).toEqual([{ index: 1, documentTokens: 22, queryTokens: 0 }]);
    expect(usage.tokens).toBe(5 + 32);
  });

  it("lets the first stage's order count beside the package's own model alone", () => {
    expect(new CrossEncoderReranker({ model: "builtin" }).firstStageWeight).toBe(BUILTIN_FIRST_STAGE_WEIGHT);
    expect(reranker.firstStageWeight).toBeUndefined();
  });

  it("passes the deadline on", async () => {
    const documents = Array.from({ length: 3000 }, () => "dog ".repeat(40));
    const call = reranker.rerank("dog", documents, { timeoutMs: 1 });
    await expect(call).rejects.toMatchObject({ code: "timeout", retryable: true });
  });

  it("names the option that is wrong, before it loads anything", () => {
    const cases: [object, RegExp][] = [
      [{ batchsize: 3 }, /Unknown option `batchsize`.*batchSize/],
      [{ batchSize: 0 }, /`batchSize`/],
      [{ maxLength: "512" }, /`maxLength`/],
      [{ dtype: "q4" }, /`dtype`.*"int8"/],
      [{ model: " " }, /`model`/],
      [{ device: 1 }, /`device`/],
      [{ offline: "yes" }, /`offline`/],
      [{ relevantLabel: 1 }, /`relevantLabel`/],
      [{ onProgress: true }, /`onProgress`/],
    ];
    for (const [options, message] of cases) {
      const construct = () => new CrossEncoderReranker(options as object);
      expect(construct).toThrow(PgVectorDBError);
      expect(construct).toThrow(message);
    }
  });

  it("takes the label that means relevant", async () => {
    await using threeLabels = new CrossEncoderReranker({
      model: fixtureModel("tiny-bert-three-labels"),
      relevantLabel: "entailment",
    });
    expect(await threeLabels.rerank("dog", ["dog", "fox"])).toHaveLength(2);
  });
});
