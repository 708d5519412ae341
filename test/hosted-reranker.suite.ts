import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PgVectorDBError } from "../src/errors.ts";
import type { BaseReranker } from "../src/rerankers/base-reranker.ts";
import { fromFunction } from "../src/rerankers/function-reranker.ts";
import type { HostedRerankerOptions } from "../src/rerankers/hosted-reranker.ts";
import { describeRerankerContract } from "../src/rerankers/reranker-contract.suite.ts";
import type { Fault } from "./imitation-services/faults.ts";
import { type Dialect, type ImitationService, startImitation } from "./imitation-services/imitation-service.ts";
import { type Ranked, rankByOverlap } from "./imitation-services/word-overlap.ts";

export interface HostedBackend {
  /** The reranker's name. */
  readonly name: string;
  /** Tells two ways to use one reranker apart. */
  readonly title?: string;
  readonly dialect: Dialect;
  make(baseUrl: string, options?: HostedRerankerOptions): BaseReranker;
  /** The most documents of one request. */
  readonly maxDocuments: number;
  /** A model whose scores depend on the list is not split. */
  readonly splits?: boolean;
  /** The key that the imitation takes. */
  readonly key: string;
  /** Whether requests go through our own HTTP layer, and not through a vendor's client. */
  readonly ownHttp?: boolean;
}

const QUERY = "warm winter jacket";
const TEXTS = ["a red summer dress", "a warm jacket for winter", "winter tyres", "warm socks", "a jacket"];
const EXPECTED = rankByOverlap(QUERY, TEXTS).map(({ index }) => index);

/** What every reranker behind a network must do, whatever the service at the other end does. */
export function describeHostedReranker(backend: HostedBackend): void {
  const { ownHttp = true, splits = true, maxDocuments } = backend;
  let service: ImitationService;
  const made: BaseReranker[] = [];

  const make = (options: HostedRerankerOptions = {}) => {
    const reranker = backend.make(service.url, { retryDelayMs: 1, ...options });
    made.push(reranker);
    return reranker;
  };
  const texts = (count: number) =>
    Array.from(
      { length: count },
      (_, index) => `text number ${index} ${index % 3 === 0 ? "warm" : ""} ${index % 7 === 0 ? "winter" : ""}`,
    );

  describeRerankerContract(backend.title ?? backend.name, {
    runs: 8,
    create: async () => {
      const contractService = await startImitation(backend.dialect);
      const reranker = backend.make(contractService.url);
      return Object.assign(reranker, {
        [Symbol.asyncDispose]: async () => {
          await reranker.close();
          await contractService.close();
        },
      });
    },
  });

  describe(backend.title ?? backend.name, () => {
    beforeEach(async () => {
      service = await startImitation(backend.dialect);
    });
    afterEach(async () => {
      await Promise.all(made.splice(0).map((reranker) => reranker.close()));
      await service.close();
    });

    describe("on the wire", () => {
      it("ranks, and says who did it and what it cost", async () => {
        const result = await make().rerankDetailed(QUERY, TEXTS);
        expect(result.documents.map(({ index }) => index)).toEqual(EXPECTED);
        expect(result.documents[0]?.content).toBe(TEXTS[EXPECTED[0] as number]);
        expect(result).toMatchObject({ reranked: true, backend: backend.name, usage: { documents: 5, calls: 1 } });
        expect(result.usage.retries).toBeUndefined();
      });

      it("asks for no more results than there are documents", async () => {
        expect(await make().rerank(QUERY, TEXTS, { topK: 2 })).toHaveLength(2);
        expect(await make().rerank(QUERY, TEXTS, { topK: 50 })).toHaveLength(5);
      });

      it("makes no request for no documents, and sends no blank ones", async () => {
        expect(await make().rerank(QUERY, [])).toEqual([]);
        expect(await make().rerank(QUERY, ["", " "])).toHaveLength(2);
        expect(service.requests).toHaveLength(0);
        const ranked = await make().rerank(QUERY, ["", "warm winter jacket", "\n"]);
        expect(ranked.map(({ index }) => index)).toEqual([1, 0, 2]);
        expect(service.requests).toHaveLength(1);
      });

      it("survives every Unicode text", async () => {
        const odd = ["\u0000", "\ud800 alone", "👩‍👩‍👧", "\u202e", '"}]', "a\u2028b", "é".normalize("NFD")];
        expect(await make().rerank(`${QUERY} \udfff`, odd)).toHaveLength(odd.length);
      });

      if (splits) {
        it("splits a long list within the limit and merges it as if it were one", async () => {
          const many = texts(2 * maxDocuments + 1);
          const result = await make({ concurrency: 2 }).rerankDetailed(QUERY, many, { topK: 7 });
          const expected = rankByOverlap(QUERY, many, 7).map(({ index }) => index);
          expect(result.documents.map(({ index }) => index)).toEqual(expected);
          expect(result.usage.calls).toBe(3);
        });
      } else {
        it("refuses to split a list whose scores depend on each other", async () => {
          const error = await failure(make().rerank(QUERY, texts(maxDocuments + 1)));
          expect(error.code).toBe("invalid_argument");
          expect(error.message).toMatch(/not split/);
          expect(service.requests).toHaveLength(0);
        });
      }
    });

    describe("retries", () => {
      const passing: [string, Fault][] = [
        ["429 without a header", { kind: "status", status: 429 }],
        ["429 with retry-after in seconds", { kind: "status", status: 429, headers: { "retry-after": "0" } }],
        [
          "429 with retry-after as a date",
          { kind: "status", status: 429, headers: { "retry-after": new Date(0).toUTCString() } },
        ],
        ["429 with retry-after-ms", { kind: "status", status: 429, headers: { "retry-after-ms": "3" } }],
        ["429 with a reset header", { kind: "status", status: 429, headers: { "x-ratelimit-reset-requests": "3ms" } }],
        ["500", { kind: "status", status: 500 }],
        ["502", { kind: "status", status: 502 }],
        ["503", { kind: "status", status: 503 }],
        ["a reset connection", { kind: "reset" }],
        ["a connection cut in the answer", { kind: "reset-in-body" }],
      ];
      it.each(passing)("gets over %s", async (_name, fault) => {
        service.faults.push(fault, fault);
        const { documents, usage } = await make().rerankDetailed(QUERY, TEXTS);
        expect(documents.map(({ index }) => index)).toEqual(EXPECTED);
        expect(usage).toMatchObject({ calls: 3, retries: 2 });
      });

      it("gives up after `maxRetries`", async () => {
        service.faultFor = () => ({ kind: "status", status: 500 });
        const error = await failure(make({ maxRetries: 2 }).rerank(QUERY, TEXTS));
        expect(error).toMatchObject({ code: "service_error", retryable: true });
        expect(service.requests).toHaveLength(3);
      });

      it.each([400, 401, 403, 404, 422])("never repeats what was refused with %i", async (status) => {
        service.faultFor = () => ({ kind: "status", status });
        const error = await failure(make().rerank(QUERY, TEXTS));
        expect(error.code).toBe(status === 401 || status === 403 ? "unauthorized" : "service_error");
        expect(error.retryable).toBe(false);
        expect(service.requests).toHaveLength(1);
      });

      it.each([
        [403, "unauthorized", 1],
        [404, "service_error", 1],
        [502, "service_error", 3],
      ])("goes by the status of a proxy's page: %i", async (status, code, requestCount) => {
        service.faultFor = () => ({ kind: "page", status });
        const error = await failure(make({ maxRetries: 2 }).rerank(QUERY, TEXTS));
        expect(error).toMatchObject({ code, retryable: requestCount > 1 });
        expect(service.requests).toHaveLength(requestCount);
      });

      it("is not kept from a retry by a limit that was not what failed", async () => {
        service.faults.push({ kind: "status", status: 503, headers: { "x-ratelimit-reset": "3600" } });
        expect(await make().rerank(QUERY, TEXTS)).toHaveLength(5);
      });

      it("does not begin a wait that would end after the deadline", async () => {
        service.faultFor = () => ({ kind: "status", status: 429, headers: { "retry-after": "100" } });
        const error = await failure(make().rerank(QUERY, TEXTS, { timeoutMs: 50_000 }));
        expect(error).toMatchObject({ code: "rate_limited", retryable: true });
        expect(service.requests).toHaveLength(1);
      });
    });

    describe("one deadline", () => {
      it.each(["stalled-headers", "stalled-body", "slow-loris"] as const)("ends %s", async (kind) => {
        service.faultFor = () => ({ kind });
        const error = await failure(make().rerank(QUERY, TEXTS, { timeoutMs: 100 }));
        expect(error).toMatchObject({ code: "timeout", retryable: true });
        expect(service.requests).toHaveLength(1);
        // The request itself ends too: a service must not work, or a socket wait, for nobody.
        await expect.poll(() => service.abandoned).toBe(1);
      });

      it("covers the time in the queue", async () => {
        service.faultFor = () => ({ kind: "stalled-headers" });
        const reranker = make({ concurrency: 1 });
        const controller = new AbortController();
        const first = failure(reranker.rerank(QUERY, TEXTS, { signal: controller.signal }));
        const queued = failure(reranker.rerank(QUERY, TEXTS, { timeoutMs: 50 }));
        expect((await queued).code).toBe("timeout");
        expect(service.requests).toHaveLength(1);
        controller.abort();
        expect((await first).code).toBe("aborted");
        service.faultFor = () => undefined;
        expect(await reranker.rerank(QUERY, TEXTS)).toHaveLength(5);
      });

      it.each<[string, Fault]>([
        ["a stalled answer", { kind: "stalled-body" }],
        ["a back-off sleep", { kind: "status", status: 429, headers: { "retry-after": "20" } }],
      ])("rejects in the same turn when aborted during %s", async (_name, fault) => {
        service.faultFor = () => fault;
        const controller = new AbortController();
        const settled = failure(make().rerank(QUERY, TEXTS, { signal: controller.signal }));
        await expect.poll(() => service.requests.length).toBe(1);
        // The answer's headers, or the refusal, are on their way: let them arrive.
        await new Promise((resolve) => setTimeout(resolve, 20));
        controller.abort();
        const first = await Promise.race([settled, new Promise((resolve) => setImmediate(resolve, "late"))]);
        expect(first).toMatchObject({ code: "aborted" });
      });
    });

    describe("bad answers", () => {
      const broken: [string, Fault][] = [
        ["truncated JSON", { kind: "truncated-json" }],
        ["a page of HTML", { kind: "not-json" }],
        ["a NaN score", { kind: "nan-score" }],
        ["a duplicate index", change((ranking) => ranking.map((entry) => ({ ...entry, index: 0 })))],
        ["an index out of range", change((ranking) => ranking.map((entry) => ({ ...entry, index: entry.index + 1 })))],
        ["a negative index", change((ranking) => ranking.map((entry) => ({ ...entry, index: entry.index - 1 })))],
        ["a fractional index", change((ranking) => ranking.map((entry) => ({ ...entry, index: entry.index + 0.5 })))],
        ["too few results", change((ranking) => ranking.slice(1))],
        ["no results", change(() => [])],
        ["too many results", change((ranking) => [...ranking, { index: ranking.length, score: 0 }])],
        ["scores as text", change((ranking) => ranking.map((entry) => ({ ...entry, score: "0.5" })))],
        ["scores of null", change((ranking) => ranking.map((entry) => ({ ...entry, score: null })))],
        ["scores above 1", change((ranking) => ranking.map((entry) => ({ ...entry, score: 7 })))],
      ];
      if (ownHttp) broken.push(["results without fields", change((ranking) => ranking.map(() => ({})))]);
      it.each(broken)("refuses %s", async (_name, fault) => {
        service.faultFor = () => fault;
        const error = await failure(make().rerank(QUERY, TEXTS));
        expect(error.code).toBe("invalid_response");
        if (ownHttp) expect(service.requests).toHaveLength(1);
      });

      it.runIf(ownHttp)("stops reading a huge answer", async () => {
        service.faults.push({ kind: "huge" });
        const error = await failure(make().rerank(QUERY, TEXTS));
        expect(error).toMatchObject({
          code: "invalid_response",
          message: expect.stringMatching(/more than \d+ bytes/),
        });
        await expect.poll(() => service.abandoned).toBe(1);
      });

      it("follows no redirect", async () => {
        service.faults.push({ kind: "redirect", location: `${service.url}/elsewhere` });
        expect((await failure(make().rerank(QUERY, TEXTS))).code).toBe("service_error");
        expect(service.requests).toHaveLength(1);
      });
    });

    describe("failure policy", () => {
      beforeEach(() => {
        service.faultFor = () => ({ kind: "status", status: 500 });
      });

      it("passes the first stage's order through, marked, and applies no threshold", async () => {
        const found = TEXTS.map((content, index) => ({ content, score: 10 - index }));
        const options = { topK: 3, threshold: 0.5 };
        const result = await make({ onError: "passthrough", maxRetries: 1 }).rerankDetailed(QUERY, found, options);
        expect(result).toMatchObject({ reranked: false, backend: backend.name, usage: { calls: 2, retries: 1 } });
        expect(result.reason).toMatch(/service_error/);
        expect(result.documents).toEqual(
          found
            .slice(0, 3)
            .map(({ content, score }, index) => ({ content, score: 0, rawScore: 0, index, retrievalScore: score })),
        );
      });

      it("falls back along a chain, and adds up the cost", async () => {
        const local = fromFunction((_query, all) => all.map((text) => text.length), { name: "by length" });
        const middle = make({ onError: { fallback: local }, maxRetries: 0 });
        const first = make({ onError: { fallback: middle }, maxRetries: 0 });
        const result = await first.rerankDetailed(QUERY, TEXTS, { topK: 1, threshold: 1 });
        expect(result).toMatchObject({ reranked: true, backend: "by length", usage: { calls: 2 } });
        expect(result.documents.map(({ content }) => content)).toEqual(["a warm jacket for winter"]);
        expect(result.reason).toMatch(/service_error.*service_error/);
      });

      it("throws wrong arguments and aborts under every policy", async () => {
        const reranker = make({ onError: "passthrough" });
        expect((await failure(reranker.rerank("", TEXTS))).code).toBe("invalid_argument");
        expect((await failure(reranker.rerank(QUERY, TEXTS, { signal: AbortSignal.abort() }))).code).toBe("aborted");
        await reranker.close();
        expect((await failure(reranker.rerank(QUERY, TEXTS))).code).toBe("closed");
      });
    });

    describe("cache", () => {
      it("asks for a score once", async () => {
        const reranker = make({ cache: true });
        const fresh = await reranker.rerankDetailed(QUERY, TEXTS, { topK: 1 });
        const again = await reranker.rerankDetailed(QUERY, TEXTS);
        expect(service.requests).toHaveLength(1);
        expect(again.documents.map(({ index }) => index)).toEqual(EXPECTED);
        expect(again.documents[0]?.rawScore).toBe(fresh.documents[0]?.rawScore);
        expect(fresh.usage.cacheHits).toBe(0);
        expect(again.usage).toMatchObject({ cacheHits: 5 });
        expect(again.usage.calls).toBeUndefined();
      });

      it("makes concurrent identical requests once", async () => {
        const reranker = make({ cache: true });
        const results = await Promise.all(Array.from({ length: 10 }, () => reranker.rerank(QUERY, TEXTS)));
        expect(service.requests).toHaveLength(1);
        for (const result of results) expect(result).toEqual(results[0]);
      });

      it("does not let one caller's abort fail another", async () => {
        service.faults.push({ kind: "stalled-headers" });
        const reranker = make({ cache: true });
        const controller = new AbortController();
        const first = failure(reranker.rerank(QUERY, TEXTS, { signal: controller.signal }));
        const second = reranker.rerank(QUERY, TEXTS);
        await expect.poll(() => service.requests.length).toBe(1);
        controller.abort();
        expect((await first).code).toBe("aborted");
        expect((await second).map(({ index }) => index)).toEqual(EXPECTED);
      });

      it(splits ? "asks only for the texts it does not know" : "asks anew for another list", async () => {
        const reranker = make({ cache: true });
        await reranker.rerank(QUERY, TEXTS.slice(0, 3));
        const { documents, usage } = await reranker.rerankDetailed(QUERY, [...TEXTS, TEXTS[1] as string]);
        expect(documents).toHaveLength(6);
        expect(usage.cacheHits).toBe(splits ? 4 : 0);
      });
    });

    describe("secrecy", () => {
      const canaries = { query: "Query-Kanarie-71", document: "the Dokument_Kanarie walks at night", key: backend.key };
      it.each([400, 401, 404, 422, 429, 500])(
        "keeps query, documents and key out of a %i that quotes them",
        async (status) => {
          service.faultFor = () => ({ kind: "echo", status });
          const error = await failure(make({ maxRetries: 0 }).rerank(canaries.query, [canaries.document]));
          const shown = inspect(error, { depth: 10 });
          for (const canary of ["Kanarie", "walks at night", canaries.key]) expect(shown).not.toContain(canary);
        },
      );
    });

    it("never repeats what it must not, and ends by its deadline, in whatever order a service fails", async () => {
      const kinds = fc.constantFrom<Fault["kind"]>(
        "stalled-headers",
        "stalled-body",
        "reset",
        "reset-in-body",
        "truncated-json",
      );
      const statuses = fc.constantFrom(200, 400, 401, 403, 408, 422, 429, 500, 503);
      const misfortune = fc.oneof(
        kinds.map((kind) => ({ kind }) as Fault),
        statuses.map((status): Fault => ({ kind: "status", status, headers: { "retry-after-ms": "2" } })),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(misfortune, { minLength: 1, maxLength: 4 }), async (faults) => {
          service.requests.length = 0;
          service.faultFor = (requestNumber) => faults[requestNumber - 1];
          const outcome = await make({ timeoutMs: 60 })
            .rerank(QUERY, TEXTS)
            .catch((error: unknown) => error);
          expect(Array.isArray(outcome) || outcome instanceof PgVectorDBError).toBe(true);
          const final = faults.findIndex(
            (fault) => fault.kind === "status" && [400, 401, 403, 422].includes(fault.status),
          );
          if (final >= 0) expect(service.requests.length).toBeLessThanOrEqual(final + 1);
          expect(service.requests.length).toBeLessThanOrEqual(4);
        }),
        { numRuns: 15 },
      );
    });

    it("gives a permutation cut at topK, or a typed error, whatever the service answers", async () => {
      const scores = fc.oneof(fc.double(), fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(null), fc.string());
      const entries = fc.array(
        fc.record({ index: fc.oneof(fc.integer({ min: -1, max: 5 }), fc.double()), score: scores }),
      );
      const shuffles = fc.shuffledSubarray(rankByOverlap(QUERY, TEXTS) as unknown[], { minLength: 4 });
      const statuses = fc.constantFrom(200, 200, 400, 429, 500);
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(entries, shuffles),
          statuses,
          fc.integer({ min: 1, max: 7 }),
          async (answer, status, topK) => {
            const fault: Fault = status === 200 ? change(() => answer) : { kind: "status", status };
            service.faultFor = () => fault;
            const outcome = await make({ maxRetries: 1 })
              .rerank(QUERY, TEXTS, { topK })
              .catch((error: unknown) => error);
            if (outcome instanceof PgVectorDBError) {
              expect(["invalid_response", "service_error", "rate_limited"]).toContain(outcome.code);
              return;
            }
            const ranked = outcome as Awaited<ReturnType<BaseReranker["rerank"]>>;
            expect(ranked).toHaveLength(Math.min(topK, 5));
            expect(new Set(ranked.map(({ index }) => index)).size).toBe(ranked.length);
            expect(ranked.map(({ score }) => score)).toEqual(ranked.map(({ score }) => score).sort((a, b) => b - a));
          },
        ),
        { numRuns: 25 },
      );
    });
  });
}

function change(to: (ranking: readonly Ranked[]) => readonly unknown[]): Fault {
  return { kind: "ranking", change: to };
}

async function failure(promise: Promise<unknown>): Promise<PgVectorDBError> {
  const error = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PgVectorDBError);
  return error as PgVectorDBError;
}
