import { CohereClientV2, CohereError } from "cohere-ai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VoyageAIClient, VoyageAIError } from "voyageai";
import { CohereReranker } from "../src/rerankers/cohere-reranker.ts";
import { VoyageReranker } from "../src/rerankers/voyage-reranker.ts";
import { COHERE_KEY, cohere } from "./imitation-services/cohere.ts";
import { type ImitationService, startImitation } from "./imitation-services/imitation-service.ts";
import { VOYAGE_KEY, voyage } from "./imitation-services/voyage.ts";

const QUERY = "warm winter jacket";
const TEXTS = ["a red summer dress", "a warm jacket for winter", "winter tyres"];

/** The vendors' own SDKs take the imitations for the real services, and send what we send. */
describe("Cohere's SDK", () => {
  let service: ImitationService;
  beforeEach(async () => {
    service = await startImitation(cohere);
  });
  afterEach(() => service.close());

  const client = (token = COHERE_KEY) => new CohereClientV2({ token, baseUrl: service.url, maxRetries: 0 });
  const ours = (options = {}) => new CohereReranker({ apiKey: COHERE_KEY, baseUrl: `${service.url}/v2`, ...options });

  it("gets the same ranking by the same request", async () => {
    const theirs = await client().rerank({
      model: "rerank-v3.5",
      query: QUERY,
      documents: TEXTS,
      topN: 2,
      maxTokensPerDoc: 512,
    });
    const result = await ours({ maxTokensPerDoc: 512 }).rerankDetailed(QUERY, TEXTS, { topK: 2 });
    expect(result.documents.map(({ index, score }) => ({ index, relevanceScore: score }))).toEqual(theirs.results);
    expect(result.usage.searchUnits).toBe(theirs.meta?.billedUnits?.searchUnits);
    const [first, second] = service.requests;
    expect(second?.body).toEqual(first?.body);
    expect(second?.path).toBe(first?.path);
    expect(second?.headers.authorization).toBe(first?.headers.authorization);
  });

  it("is refused where we are refused", async () => {
    const error = await client("wrong")
      .rerank({ model: "rerank-v3.5", query: QUERY, documents: TEXTS })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CohereError);
    expect((error as CohereError).statusCode).toBe(401);
    await expect(ours({ apiKey: "wrong" }).rerank(QUERY, TEXTS)).rejects.toMatchObject({ code: "unauthorized" });
  });
});

describe("Voyage's SDK", () => {
  let service: ImitationService;
  beforeEach(async () => {
    service = await startImitation(voyage);
  });
  afterEach(() => service.close());

  const client = (apiKey = VOYAGE_KEY) =>
    new VoyageAIClient({ apiKey, environment: `${service.url}/v1`, maxRetries: 0 });
  const ours = (options = {}) => new VoyageReranker({ apiKey: VOYAGE_KEY, baseUrl: `${service.url}/v1`, ...options });

  it("gets the same ranking by the same request", async () => {
    const theirs = await client().rerank({
      model: "rerank-2.5",
      query: QUERY,
      documents: TEXTS,
      topK: 2,
      truncation: true,
    });
    const result = await ours().rerankDetailed(QUERY, TEXTS, { topK: 2 });
    expect(result.documents.map(({ index, score }) => ({ index, relevanceScore: score }))).toEqual(
      theirs.data?.map(({ index, relevanceScore }) => ({ index, relevanceScore })),
    );
    expect(result.usage.tokens).toBe(theirs.usage?.totalTokens);
    const [first, second] = service.requests;
    expect(second?.body).toEqual(first?.body);
    expect(second?.path).toBe(first?.path);
    expect(second?.headers.authorization).toBe(first?.headers.authorization);
  });

  it("is refused where we are refused", async () => {
    const error = await client("wrong")
      .rerank({ model: "rerank-2.5", query: QUERY, documents: TEXTS })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(VoyageAIError);
    expect((error as VoyageAIError).statusCode).toBe(401);
    await expect(ours({ apiKey: "wrong" }).rerank(QUERY, TEXTS)).rejects.toMatchObject({ code: "unauthorized" });
  });
});
