import { describe, expect, it } from "vitest";
import {
  AWSBedrockReranker,
  CohereReranker,
  createReranker,
  HTTPReranker,
  JinaReranker,
  TEIReranker,
  VLLMReranker,
  VoyageReranker,
} from "../src/rerankers/index.ts";

describe("createReranker", () => {
  const baseUrl = "http://localhost:8080";

  it("makes every backend by its name", () => {
    const cohere: CohereReranker = createReranker("cohere", { model: "rerank-v4.0-pro", cache: { ttlMs: 1000 } });
    expect(cohere).toBeInstanceOf(CohereReranker);
    expect(createReranker("Voyage")).toBeInstanceOf(VoyageReranker);
    expect(createReranker("JINA", {})).toBeInstanceOf(JinaReranker);
    expect(createReranker("tei", { baseUrl })).toBeInstanceOf(TEIReranker);
    expect(createReranker("vllm", { baseUrl, model: "m" })).toBeInstanceOf(VLLMReranker);
    expect(createReranker("http", { baseUrl })).toBeInstanceOf(HTTPReranker);
    for (const name of ["bedrock", "aws", "aws-bedrock", "AWS_Bedrock"] as const) {
      expect(createReranker(name, { region: "us-west-2" })).toBeInstanceOf(AWSBedrockReranker);
    }
  });

  it("has options of their own checked", () => {
    // @ts-expect-error `apikey` is none of Cohere's options
    expect(() => createReranker("cohere", { apikey: "k" })).toThrow(/Unknown option `apikey`.*apiKey/);
    expect(() => createReranker("tei")).toThrow(/`baseUrl` is needed/);
    expect(() => createReranker("vllm", { baseUrl } as never)).toThrow(/`model` is needed/);
    expect(() => createReranker("cohere", { concurrency: 0 })).toThrow(/`concurrency`/);
    expect(() => createReranker("cohere", { maxRetries: 1.5 })).toThrow(/`maxRetries`/);
    expect(() => createReranker("cohere", { timeoutMs: 0 })).toThrow(/`timeoutMs`/);
    expect(() => createReranker("cohere", { model: " " })).toThrow(/`model`/);
    expect(() => createReranker("cohere", { headers: { "x-key": "geheim\u0000" } })).toThrow(
      /^(?!.*geheim).*`headers`/,
    );
    expect(() => createReranker("voyage", { truncation: "no" as never })).toThrow(/`truncation`/);
    expect(() => createReranker("http", { baseUrl, dialect: "tei" as never })).toThrow(/`dialect`/);
  });
});
