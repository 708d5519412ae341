import { once } from "node:events";
import { constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AWSBedrockReranker, type AWSBedrockRerankerOptions } from "../src/rerankers/aws-bedrock-reranker.ts";
import { CohereReranker, type CohereRerankerOptions } from "../src/rerankers/cohere-reranker.ts";
import { HTTPReranker } from "../src/rerankers/http-reranker.ts";
import { JinaReranker } from "../src/rerankers/jina-reranker.ts";
import { TEIReranker } from "../src/rerankers/tei-reranker.ts";
import { VLLMReranker } from "../src/rerankers/vllm-reranker.ts";
import { VoyageReranker } from "../src/rerankers/voyage-reranker.ts";
import { BEDROCK_ACCESS_KEY, BEDROCK_SECRET_KEY, bedrock } from "./imitation-services/bedrock.ts";
import { COHERE_KEY, cohere } from "./imitation-services/cohere.ts";
import { type Dialect, type ImitationService, startImitation } from "./imitation-services/imitation-service.ts";
import { infinity } from "./imitation-services/infinity.ts";
import { JINA_KEY, jina } from "./imitation-services/jina.ts";
import { tei } from "./imitation-services/tei.ts";
import { VLLM_MODEL, vllm } from "./imitation-services/vllm.ts";
import { VOYAGE_KEY, voyage } from "./imitation-services/voyage.ts";

const QUERY = "warm jacket";
const TEXTS = ["a red dress", "a warm jacket"];
const PRODUCT = {
  content: "",
  title: "Parka: warm",
  body: "A jacket\nfor winter",
  metadata: { price: 179, tags: ["a", "b"] },
};
const FIELDS = ["title", "body", "metadata.price", "metadata.tags", "missing"];

/** What each backend puts on the wire beyond what all have in common. */
describe("on the wire", () => {
  let service: ImitationService | undefined;
  const start = async (dialect: Dialect) => {
    service = await startImitation(dialect);
    return service;
  };
  afterEach(async () => {
    await service?.close();
    service = undefined;
    vi.unstubAllEnvs();
  });

  describe("Cohere", () => {
    const make = (options: CohereRerankerOptions = {}) =>
      new CohereReranker({ apiKey: COHERE_KEY, baseUrl: `${service?.url}/v2`, ...options });

    it("gets exactly the documented body", async () => {
      const { requests } = await start(cohere);
      const { usage } = await make().rerankDetailed(QUERY, TEXTS, { topK: 1 });
      expect(requests[0]?.body).toEqual({ model: "rerank-v3.5", query: QUERY, documents: TEXTS, top_n: 1 });
      expect(usage).toMatchObject({ searchUnits: 1, calls: 1 });
    });

    it("does not see its keys in errors, wherever they were given and however they are quoted", async () => {
      const [inHeader, inAddress] = ["sk-geheim-4711", "kanarie-0815"];
      const fetch: typeof globalThis.fetch = async (url, init) => {
        const [, token] = new Headers(init?.headers).get("authorization")?.split(" ") ?? [];
        const key = new URL(String(url)).searchParams.get("subscription-key");
        return Response.json({ message: `Limit of ${token} and of ${key}` }, { status: 429 });
      };
      const reranker = new CohereReranker({
        baseUrl: `https://gateway.example.com/v2?subscription-key=${inAddress}`,
        headers: { Authorization: `Bearer ${inHeader}` },
        maxRetries: 0,
        fetch,
      });
      const error: unknown = await reranker.rerank(QUERY, TEXTS).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "rate_limited", message: "Cohere answered 429: Limit of … and of …." });
      for (const key of [inHeader, inAddress]) expect(inspect(error, { depth: 10 })).not.toContain(key);
    });

    it("may begin its answer with a byte order mark", async () => {
      const body = { results: TEXTS.map((_text, index) => ({ index, relevance_score: index / 2 })) };
      const fetch = async () => new Response(`\uFEFF${JSON.stringify(body)}`);
      const [best] = await new CohereReranker({ apiKey: COHERE_KEY, fetch }).rerank(QUERY, TEXTS);
      expect(best?.index).toBe(1);
    });

    it("gets structured documents as YAML, the fields in their order", async () => {
      const { requests } = await start(cohere);
      await make({ fields: FIELDS }).rerank(QUERY, [PRODUCT, "plain text"]);
      expect(requests[0]?.body).toMatchObject({
        documents: [
          'title: "Parka: warm"\nbody: "A jacket\\nfor winter"\nmetadata.price: 179\nmetadata.tags: ["a","b"]\n',
          "plain text",
        ],
      });
    });

    it("gets what `render` makes of a document, which keeps its fields", async () => {
      const { requests } = await start(cohere);
      const render = ({ title }: { title: string }) => `Title: ${title}`;
      const [best] = await make({ render }).rerank(QUERY, [PRODUCT]);
      expect(requests[0]?.body).toMatchObject({ documents: ["Title: Parka: warm"] });
      expect(best).toMatchObject(PRODUCT);
    });

    it("adds up the search units of split requests", async () => {
      await start(cohere);
      const { usage } = await make().rerankDetailed(
        QUERY,
        Array.from({ length: 1250 }, (_, index) => `text ${index}`),
      );
      expect(usage).toMatchObject({ documents: 1250, calls: 2, searchUnits: 13 });
    });

    it("passes the refusal of a model on, with today's names", async () => {
      await start(cohere);
      await expect(make({ model: "rerank-english-v2.0" }).rerank(QUERY, TEXTS)).rejects.toMatchObject({
        code: "service_error",
        message: expect.stringMatching(/404: model 'rerank-english-v2.0' not found.*today: .*rerank-v3\.5/),
      });
    });

    it("points from `maxChunksPerDoc` to `maxTokensPerDoc`", () => {
      const options = { maxChunksPerDoc: 10 } as unknown as CohereRerankerOptions;
      expect(() => new CohereReranker(options)).toThrow(/`maxChunksPerDoc`.*`maxTokensPerDoc`/);
    });

    it("takes its key from the environment, the argument winning, and says in one line what to set", async () => {
      const { requests } = await start(cohere);
      const baseUrl = `${service?.url}/v2`;
      vi.stubEnv("COHERE_API_KEY", "from-environment");
      await expect(new CohereReranker({ baseUrl }).rerank(QUERY, TEXTS)).rejects.toMatchObject({
        code: "unauthorized",
      });
      expect(requests[0]?.headers.authorization).toBe("Bearer from-environment");
      await make().rerank(QUERY, TEXTS);
      vi.stubEnv("COHERE_API_KEY", "");
      for (const call of [new CohereReranker({ baseUrl }).rerank(QUERY, TEXTS), new CohereReranker().load()]) {
        await expect(call).rejects.toMatchObject({
          code: "unauthorized",
          message: "Cohere needs an API key: set COHERE_API_KEY in the environment, or pass `apiKey`.",
        });
      }
      expect(requests).toHaveLength(2);
    });

    it("sends the caller's headers, uses the caller's fetch, and keeps a query string", async () => {
      const seen: Request[] = [];
      const fetch: typeof globalThis.fetch = async (input, init) => {
        seen.push(new Request(input, init));
        return Response.json({ results: [{ index: 0, relevance_score: 0.5 }] });
      };
      const headers = { Authorization: "Bearer gateway", "x-tenant": "7" };
      const reranker = new CohereReranker({ baseUrl: "https://gateway.example/cohere/?v=1", headers, fetch });
      await reranker.rerank(QUERY, ["one"]);
      expect(seen[0]?.url).toBe("https://gateway.example/cohere/rerank?v=1");
      expect(seen[0]?.headers.get("authorization")).toBe("Bearer gateway");
      expect(seen[0]?.headers.get("x-tenant")).toBe("7");
    });

    it("does not let a fetch that throws its request leak it", async () => {
      const fetch = (_url: unknown, init?: RequestInit) => Promise.reject(new TypeError(JSON.stringify(init)));
      const error = await make({ baseUrl: "http://localhost", fetch, maxRetries: 0 })
        .rerank("Kanarie-7", ["Kanarie-8"])
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "network" });
      expect(inspect(error)).not.toMatch(/Kanarie/);
    });
  });

  it("Voyage gets its own field names, and its 600K rule is kept", async () => {
    const { requests } = await start(voyage);
    const reranker = new VoyageReranker({ apiKey: VOYAGE_KEY, baseUrl: `${service?.url}/v1`, truncation: false });
    const { usage } = await reranker.rerankDetailed(QUERY, TEXTS, { topK: 1 });
    expect(requests[0]?.body).toEqual({
      model: "rerank-2.5",
      query: QUERY,
      documents: TEXTS,
      top_k: 1,
      truncation: false,
    });
    expect(usage.tokens).toBe(2 * 2 + 3 + 3);
    // By the imitation's count, 350 documents of 2,000 tokens: more than 600K, so they must not come in one request.
    const long = Array.from({ length: 350 }, (_, index) => `${index} ${"word ".repeat(2000)}`);
    expect(await reranker.rerank(QUERY, long)).toHaveLength(350);
    expect(requests.length).toBeGreaterThan(2);
  });

  it("Jina gets no documents sent back, and counts tokens", async () => {
    const { requests } = await start(jina);
    const reranker = new JinaReranker({ apiKey: JINA_KEY, baseUrl: `${service?.url}/v1` });
    const { usage } = await reranker.rerankDetailed(QUERY, TEXTS);
    const model = "jina-reranker-v2-base-multilingual";
    expect(requests[0]?.body).toEqual({ model, query: QUERY, documents: TEXTS, top_n: 2, return_documents: false });
    expect(usage.tokens).toBe(18);
  });

  it("Jina's cosines of its listwise model become scores on 0..1", async () => {
    await start(jina);
    const options = { apiKey: JINA_KEY, baseUrl: `${service?.url}/v1` };
    const pairs = await new JinaReranker(options).rerank(QUERY, TEXTS);
    const cosines = await new JinaReranker({ ...options, model: "jina-reranker-v3" }).rerank(QUERY, TEXTS);
    expect(cosines.map(({ index }) => index)).toEqual(pairs.map(({ index }) => index));
    expect(cosines.some(({ rawScore }) => rawScore < 0)).toBe(true);
    for (const [place, { score, rawScore }] of cosines.entries()) {
      expect(score).toBeCloseTo(pairs[place]?.score ?? Number.NaN, 12);
      expect(rawScore).toBeCloseTo(2 * score - 1, 12);
    }
  });

  it("TEI gets `texts` alone, 32 at a time and under 2 MB, and gives logits when asked", async () => {
    const { requests, url: baseUrl } = await start(tei);
    const { usage } = await new TEIReranker({ baseUrl }).rerankDetailed(QUERY, TEXTS, { topK: 1 });
    expect(requests[0]?.body).toEqual({ query: QUERY, texts: TEXTS, raw_scores: false });
    expect(requests[0]?.headers.authorization).toBeUndefined();
    expect(usage.tokens).toBe(14);

    const raw = await new TEIReranker({ baseUrl, rawScores: true, truncate: true }).rerank(QUERY, TEXTS);
    const unit = await new TEIReranker({ baseUrl }).rerank(QUERY, TEXTS);
    expect(raw.map(({ index }) => index)).toEqual(unit.map(({ index }) => index));
    expect(raw[0]?.rawScore).not.toBe(raw[0]?.score);
    expect(raw[0]?.score).toBeCloseTo(unit[0]?.score ?? Number.NaN, 10);

    requests.length = 0;
    const large = Array.from({ length: 9 }, () => '"'.repeat(250_000));
    expect(await new TEIReranker({ baseUrl }).rerank(QUERY, large)).toHaveLength(9);
    expect(requests).toHaveLength(3);
  });

  it("TEI's refusal of a batch says which option to set", async () => {
    const { url: baseUrl } = await start(tei);
    const reranker = new TEIReranker({ baseUrl, maxDocumentsPerCall: 40 });
    await expect(
      reranker.rerank(
        QUERY,
        Array.from({ length: 40 }, (_, index) => `text ${index}`),
      ),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/422: batch size 40.*`maxDocumentsPerCall`/),
    });
  });

  it("vLLM gets either call, and gives logits when asked", async () => {
    const { requests, url: baseUrl } = await start(vllm);
    const model = VLLM_MODEL;
    await new VLLMReranker({ baseUrl, model, truncatePromptTokens: 512 }).rerank(QUERY, TEXTS, { topK: 1 });
    expect(requests[0]?.body).toEqual({ model, query: QUERY, documents: TEXTS, top_n: 1, truncate_prompt_tokens: 512 });
    const unit = await new VLLMReranker({ baseUrl, model }).rerank(QUERY, TEXTS);
    const { documents, usage } = await new VLLMReranker({
      baseUrl,
      model,
      endpoint: "score",
      rawScores: true,
    }).rerankDetailed(QUERY, TEXTS);
    expect(requests[2]).toMatchObject({
      path: "/score",
      body: { model, queries: QUERY, documents: TEXTS, use_activation: false },
    });
    expect(documents.map(({ index }) => index)).toEqual(unit.map(({ index }) => index));
    expect(documents[0]?.score).toBeCloseTo(unit[0]?.score ?? Number.NaN, 10);
    expect(usage.tokens).toBe(16);
  });

  it("a server in Jina's shape gets no model it was not told, and keeps documents to itself", async () => {
    const { requests, url: baseUrl } = await start(infinity);
    await new HTTPReranker({ baseUrl, dialect: "jina" }).rerank(QUERY, TEXTS);
    expect(requests[0]?.body).toEqual({ query: QUERY, documents: TEXTS, top_n: 2, return_documents: false });
  });

  describe("Bedrock", () => {
    const credentials = { accessKeyId: BEDROCK_ACCESS_KEY, secretAccessKey: BEDROCK_SECRET_KEY };
    const make = (options: AWSBedrockRerankerOptions) =>
      new AWSBedrockReranker({ credentials, endpoint: service?.url, retryDelayMs: 1, ...options });

    it.each([
      ["us-west-2", "arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0"],
      ["us-east-1", "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"],
      ["us-gov-west-1", "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/cohere.rerank-v3-5:0"],
      ["cn-north-1", "arn:aws-cn:bedrock:cn-north-1::foundation-model/cohere.rerank-v3-5:0"],
    ])("in %s is asked for a model that is there", async (region, modelArn) => {
      const { requests } = await start(bedrock(region));
      await make({ region }).rerank(QUERY, TEXTS, { topK: 50 });
      expect(requests[0]?.body).toEqual({
        queries: [{ type: "TEXT", textQuery: { text: QUERY } }],
        sources: TEXTS.map((text) => ({
          type: "INLINE",
          inlineDocumentSource: { type: "TEXT", textDocument: { text } },
        })),
        rerankingConfiguration: {
          type: "BEDROCK_RERANKING_MODEL",
          bedrockRerankingConfiguration: { numberOfResults: 2, modelConfiguration: { modelArn } },
        },
      });
    });

    it("takes region, credentials and model from the SDK's own chain", async () => {
      const { requests } = await start(bedrock("eu-central-1"));
      vi.stubEnv("AWS_REGION", "eu-central-1");
      vi.stubEnv("AWS_ACCESS_KEY_ID", BEDROCK_ACCESS_KEY);
      vi.stubEnv("AWS_SECRET_ACCESS_KEY", BEDROCK_SECRET_KEY);
      await make({ credentials: undefined }).rerank(QUERY, TEXTS);
      expect(JSON.stringify(requests[0]?.body)).toContain("eu-central-1::foundation-model/amazon.rerank-v1:0");
    });

    it("asks a function for credentials anew before they end", async () => {
      await start(bedrock("us-west-2"));
      const asked = async (expiration?: Date) => {
        const give = vi.fn(async () => ({ ...credentials, expiration }));
        const reranker = make({ region: "us-west-2", credentials: give });
        for (let call = 0; call < 3; call++) await reranker.rerank(QUERY, TEXTS);
        return give.mock.calls.length;
      };
      expect(await asked(new Date(Date.now() + 60_000))).toBeGreaterThanOrEqual(3);
      expect(await asked(new Date(Date.now() + 3_600_000))).toBe(1);
      expect(await asked()).toBe(1);
    });

    it.each<[string, () => Promise<never>]>([
      ["fails", () => Promise.reject(new Error("the vault's token is geheim"))],
      ["gives nothing", async () => undefined as never],
      ["gives half", async () => ({ accessKeyId: "AKIA" }) as never],
    ])("tells of a function for credentials that %s, and not what it said", async (_what, give) => {
      const { requests } = await start(bedrock("us-west-2"));
      const error: unknown = await make({ region: "us-west-2", credentials: give })
        .rerank(QUERY, TEXTS)
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "unauthorized", message: expect.stringMatching(/`credentials`/) });
      expect(inspect(error, { depth: 10 })).not.toContain("geheim");
      expect(requests).toHaveLength(0);
    });

    it.each([{}, { accessKeyId: "AKIA" }, { accessKeyId: "", secretAccessKey: "x" }, "AKIA"])(
      "refuses the credentials %o",
      (given) => {
        expect(() => make({ region: "us-west-2", credentials: given as never })).toThrow(/^`credentials` must be/);
      },
    );

    it("names the option of an endpoint that is no address", () => {
      expect(() => make({ region: "us-west-2", endpoint: "nowhere" })).toThrow(/^`endpoint` must be an http/);
    });

    it("that cannot be reached is a matter of the network", async () => {
      const { url: endpoint } = await start(bedrock("us-west-2"));
      await service?.close();
      service = undefined;
      const call = make({ region: "us-west-2", endpoint }).rerankDetailed(QUERY, TEXTS, { onError: "passthrough" });
      const { reason, usage } = await call;
      expect(reason).toMatch(/\(network\).*ECONNREFUSED.*`endpoint`/);
      expect(usage).toMatchObject({ calls: 4, retries: 3 });
    });

    it.each(["NGHTTP2_REFUSED_STREAM", "NGHTTP2_ENHANCE_YOUR_CALM", "NGHTTP2_INTERNAL_ERROR"] as const)(
      "is asked again when the stream ends with %s",
      async (reset) => {
        let streams = 0;
        const server = createServer().on("stream", (stream) => {
          streams++;
          // The server's own end of the stream tells the server too.
          stream.on("error", () => undefined).close(constants[reset]);
        });
        await once(server.listen(0, "127.0.0.1"), "listening");
        const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const reranker = make({ region: "us-west-2", endpoint, maxRetries: 2 });
        await expect(reranker.rerank(QUERY, TEXTS)).rejects.toMatchObject({ code: "network", retryable: true });
        expect(streams).toBe(3);
        await reranker.close();
        server.close();
      },
    );

    it("takes an ARN of its own region only", async () => {
      await start(bedrock("us-west-2"));
      const modelId = "arn:aws:bedrock:us-west-2::foundation-model/cohere.rerank-v3-5:0";
      expect(await make({ region: "us-west-2", modelId }).rerank(QUERY, TEXTS)).toHaveLength(2);
      expect(() => make({ region: "us-east-1", modelId })).toThrow(/us-west-2.*us-east-1/);
      expect(() => make({ region: "us-east-1", modelId: "arn:aws:s3:::bucket" })).toThrow(/`modelId`/);
    });

    it("gets `fields` as JSON documents", async () => {
      const { requests } = await start(bedrock("us-west-2"));
      await make({ region: "us-west-2", fields: FIELDS }).rerank(QUERY, [PRODUCT, "plain text"]);
      expect(requests[0]?.body).toMatchObject({
        sources: [
          {
            type: "INLINE",
            inlineDocumentSource: {
              type: "JSON",
              jsonDocument: {
                title: "Parka: warm",
                body: "A jacket\nfor winter",
                "metadata.price": 179,
                "metadata.tags": ["a", "b"],
              },
            },
          },
          { type: "INLINE", inlineDocumentSource: { type: "TEXT", textDocument: { text: "plain text" } } },
        ],
      });
    });

    it("has every page of results fetched", async () => {
      const { requests } = await start(bedrock("us-west-2", 3));
      const texts = Array.from({ length: 8 }, (_, index) => `warm text ${"x".repeat(index)}`);
      const { documents, usage } = await make({ region: "us-west-2" }).rerankDetailed(QUERY, texts);
      expect(documents.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(usage.calls).toBe(3);
      expect(requests.map(({ body }) => (body as { nextToken?: string }).nextToken)).toEqual([
        undefined,
        "page-3",
        "page-6",
      ]);
    });

    it("is not asked for pages without end", async () => {
      await start(bedrock("us-west-2"));
      const dialect = bedrock("us-west-2");
      const endless: Dialect = {
        ...dialect,
        respond: (request, rank) => ({
          status: 200,
          body: { results: rank(QUERY, ["one"]).slice(1), nextToken: request.path },
        }),
      };
      await service?.close();
      const { requests } = await start(endless);
      await expect(make({ region: "us-west-2" }).rerank(QUERY, TEXTS)).rejects.toMatchObject({
        code: "invalid_response",
      });
      expect(requests).toHaveLength(2);
    });

    it("gets long documents cut to 32,000 characters, and the result says so", async () => {
      await start(bedrock("us-west-2"));
      const reranker = make({ region: "us-west-2" });
      const { truncated } = await reranker.rerankDetailed(QUERY, ["short", `${"a".repeat(31_999)}😀 and more`]);
      expect(truncated).toEqual([{ index: 1, documentTokens: 0, queryTokens: 0, documentCharacters: 11 }]);
      const call = reranker.rerank("q".repeat(32_001), TEXTS);
      await expect(call).rejects.toMatchObject({ code: "invalid_argument", message: expect.stringMatching(/`query`/) });
    });

    it.each([
      ["ThrottlingException", 429, "rate_limited", 4],
      ["ServiceQuotaExceededException", 400, "rate_limited", 1],
      ["AccessDeniedException", 403, "unauthorized", 1],
      ["ExpiredTokenException", 403, "unauthorized", 1],
      ["ResourceNotFoundException", 404, "service_error", 1],
      ["ConflictException", 409, "service_error", 1],
      ["DependencyFailedException", 424, "service_error", 2],
      ["InternalServerException", 500, "service_error", 4],
      ["BadGatewayException", 502, "service_error", 4],
    ])("that says %s is asked as often as its name says", async (name, status, code, requestCount) => {
      const { requests } = await start(bedrock("us-west-2"));
      (service as ImitationService).faultFor = () => ({
        kind: "status",
        status,
        headers: { "x-amzn-errortype": name },
      });
      const call = make({ region: "us-west-2" }).rerank(QUERY, TEXTS);
      await expect(call).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
      expect(requests).toHaveLength(requestCount);
    });
  });
});
