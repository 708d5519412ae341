import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Reranker } from "../contracts/reranker.ts";
import { PgVectorDBError, type PgVectorDBErrorCode } from "../errors.ts";
import { toUnitScore } from "./score-scale.ts";

export interface RerankerContractSubject {
  /** Made once for the suite. */
  create(): (Reranker & Partial<AsyncDisposable>) | Promise<Reranker & Partial<AsyncDisposable>>;
  /** A query and documents of which `relevant` answers it, so that a reranker that does nothing or sorts upside down fails. */
  readonly example?: { readonly query: string; readonly relevant: string; readonly irrelevant: string };
  /** How far the score of a pair may depend on the other pairs. Default 0. */
  readonly tolerance?: number;
  /** Random cases a property runs. Lower it where a call is dear. Default 30. */
  readonly runs?: number;
}

const EXAMPLE = {
  query: "How do I reset my password?",
  relevant: "To reset your password, open the account settings and choose reset password.",
  irrelevant: "The museum of natural history opens at nine and closes at five on weekdays.",
};

/** What every reranker promises. Each backend runs it from its own test file. */
export function describeRerankerContract(name: string, subject: RerankerContractSubject): void {
  const { query, relevant, irrelevant } = subject.example ?? EXAMPLE;
  const tolerance = subject.tolerance ?? 0;
  const runs = { numRuns: subject.runs ?? 30 };
  let made: Promise<Reranker & Partial<AsyncDisposable>> | undefined;
  const reranker = () => {
    made ??= Promise.resolve(subject.create());
    return made;
  };
  const documentsOf = (texts: readonly string[]) => texts.map((content, id) => Object.freeze({ id, content }));
  const textLists = fc.array(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 12 });

  describe(`${name} keeps the reranker contract`, () => {
    afterAll(async () => {
      await (await made)?.[Symbol.asyncDispose]?.();
    });

    it("puts a relevant document above an irrelevant one, wherever it stood", async () => {
      const subjectReranker = await reranker();
      for (const documents of [
        [relevant, irrelevant],
        [irrelevant, relevant],
      ]) {
        const [best, worst] = await subjectReranker.rerank(query, documents);
        expect(best?.content).toBe(relevant);
        expect(best?.rawScore).toBeGreaterThan(worst?.rawScore ?? Number.POSITIVE_INFINITY);
      }
    });

    it("gives a permutation of the input, sorted, with scores on 0..1", async () => {
      const subjectReranker = await reranker();
      await fc.assert(
        fc.asyncProperty(textLists, async (texts) => {
          const documents = documentsOf(texts);
          const ranked = await subjectReranker.rerank(query, documents);
          expect(ranked.map((document) => document.id).sort((a, b) => a - b)).toEqual(documents.map(({ id }) => id));
          for (const [position, document] of ranked.entries()) {
            expect(document.content).toBe(texts[document.index]);
            expect(document.score).toBeGreaterThanOrEqual(0);
            expect(document.score).toBeLessThanOrEqual(1);
            expect(document.score).toBe(toUnitScore(document.rawScore, subjectReranker.scale));
            const next = ranked[position + 1];
            if (next) expect(document.rawScore).toBeGreaterThanOrEqual(next.rawScore);
          }
        }),
        runs,
      );
    });

    it("keeps ties in input order", async () => {
      const ranked = await (await reranker()).rerank(query, [relevant, irrelevant, relevant, relevant]);
      expect(ranked.filter(({ content }) => content === relevant).map(({ index }) => index)).toEqual([0, 2, 3]);
    });

    it("cuts at topK without changing the order", async () => {
      const subjectReranker = await reranker();
      const documents = documentsOf([irrelevant, relevant, "password", "museum", `${relevant} ${irrelevant}`]);
      const all = await subjectReranker.rerank(query, documents);
      for (const topK of [1, 3, 5, 50]) {
        const best = await subjectReranker.rerank(query, documents, { topK });
        expect(best.map(({ id }) => id)).toEqual(all.slice(0, topK).map(({ id }) => id));
      }
    });

    it("leaves out what scores below the threshold", async () => {
      const subjectReranker = await reranker();
      const all = await subjectReranker.rerank(query, [relevant, irrelevant]);
      const threshold = all[0]?.score ?? Number.NaN;
      const kept = await subjectReranker.rerank(query, [relevant, irrelevant], { threshold });
      expect(kept.map(({ content }) => content)).toEqual(
        all.filter(({ score }) => score >= threshold).map(({ content }) => content),
      );
    });

    it("scores a pair alike alone, in a batch and shuffled", async () => {
      const subjectReranker = await reranker();
      const texts = [relevant, irrelevant, "reset", "password ".repeat(40), "…", "密码重置"];
      const together = new Map(
        (await subjectReranker.rerank(query, texts)).map(({ content, rawScore }) => [content, rawScore]),
      );
      const shuffled = await subjectReranker.rerank(query, [...texts].reverse());
      for (const { content, rawScore } of shuffled) expectClose(rawScore, together.get(content), tolerance);
      for (const text of texts) {
        const [alone] = await subjectReranker.rerank(query, [text]);
        expectClose(alone?.rawScore, together.get(text), tolerance);
      }
    });

    it("leaves the input as it was and keeps every field", async () => {
      const documents = [
        { id: "a", content: irrelevant, metadata: { deep: [1] }, score: 0.9 },
        { id: "b", content: relevant, metadata: { deep: [2] }, score: 0.1 },
      ];
      const before = structuredClone(documents);
      const ranked = await (await reranker()).rerank(query, documents);
      expect(documents).toEqual(before);
      for (const document of ranked) {
        const original = documents[document.index];
        expect(document).toMatchObject({ id: original?.id, metadata: original?.metadata });
        expect(document.retrievalScore).toBe(original?.score);
      }
    });

    it("tells who ranked, what it read and what it cost", async () => {
      const subjectReranker = await reranker();
      const result = await subjectReranker.rerankDetailed(query, [relevant, irrelevant]);
      expect(result).toMatchObject({ reranked: true, backend: subjectReranker.name });
      expect(result.usage.documents).toBe(2);
      expect(result.usage.durationMs).toBeGreaterThanOrEqual(0);
      expect(result.documents).toEqual(await subjectReranker.rerank(query, [relevant, irrelevant]));
    });

    it("gives nothing for nothing", async () => {
      expect(await (await reranker()).rerank(query, [])).toEqual([]);
    });

    it("takes text that is not well-formed Unicode", async () => {
      const ranked = await (await reranker()).rerank(`${query} \ud800`, [`${relevant}\udc00`, irrelevant, "\u0000"]);
      expect(ranked).toHaveLength(3);
      expect(ranked[0]?.content).toBe(`${relevant}\udc00`);
    });

    it("rejects before it starts when the signal has fired", async () => {
      const call = (await reranker()).rerank(query, [relevant], { signal: AbortSignal.abort() });
      await expectCode(call, "aborted");
    });

    it("names the argument that is wrong", async () => {
      const subjectReranker = await reranker();
      const call = (...args: unknown[]) =>
        (subjectReranker.rerank as (...args: unknown[]) => Promise<unknown>).call(subjectReranker, ...args);
      const cases: [unknown[], RegExp][] = [
        [["  ", [relevant]], /`query`/],
        [[undefined, [relevant]], /`query`/],
        [[query, "text"], /`documents`/],
        [[query, undefined], /`documents`/],
        [[query, [relevant, { text: "no content" }]], /`documents\[1\]`/],
        [[query, [null]], /`documents\[0\]`/],
        ...[0, -1, 1.5, Number.NaN, "5", null].map((topK): [unknown[], RegExp] => [
          [query, [relevant], { topK }],
          /`topK`/,
        ]),
        ...[-0.1, 1.1, Number.NaN, "0.5"].map((threshold): [unknown[], RegExp] => [
          [query, [relevant], { threshold }],
          /`threshold`/,
        ]),
        ...[0, -5, Number.NaN, "5"].map((timeoutMs): [unknown[], RegExp] => [
          [query, [relevant], { timeoutMs }],
          /`timeoutMs`/,
        ]),
        [[query, [relevant], { signal: {} }], /`signal`/],
        [[query, [relevant], { top_k: 3 }], /`top_k`/],
        [[query, [relevant], 5], /`options`/],
      ];
      for (const [args, message] of cases) await expectCode(call(...args), "invalid_argument", message);
    });
  });
}

async function expectCode(call: Promise<unknown>, code: PgVectorDBErrorCode, message = /./): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PgVectorDBError);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
}

function expectClose(actual: number | undefined, expected: number | undefined, tolerance: number): void {
  expect(Math.abs((actual ?? Number.NaN) - (expected ?? Number.NaN))).toBeLessThanOrEqual(tolerance);
}
