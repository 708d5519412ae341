import { setImmediate } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureModel, type GoldenPairs, readFixture } from "../fixture-models.suite.ts";
import { nativeMissing } from "../native/native-engine.suite.ts";
import { prepareModel } from "../prepare-model.ts";
import { countTaken, isStopped } from "./call-progress.ts";
import { InferencePool } from "./inference-pool.ts";
import { haveSameHiddenClass } from "./same-hidden-class.suite.ts";
import type { ClassifyTask, EmbedTask, FromWorker, SharedRequest } from "./worker-messages.ts";

const { signal } = new AbortController();
const longDocuments = { mode: "truncate", overlap: undefined, pooling: "max" } as const;

async function prepare(name: string) {
  const source = { model: fixtureModel(name), dtype: "fp32", device: "cpu", maxLength: 512, batchSize: 8 } as const;
  const context = { signal, onProgress: () => {} };
  const { model } = await prepareModel(source, context, async () => ({ output: "logits" }) as const);
  return { ...model, workers: 3, threads: 1 };
}

describe("a pool of several workers", async () => {
  const model = await prepare("tiny-bert-cross-encoder");
  const pool = new InferencePool<ClassifyTask>({
    kind: "classify",
    model,
    head: { labelCount: 1, relevant: 0 },
    longDocuments,
  });
  afterAll(() => pool.close(new Error("the tests are over")));
  const { pairs } = readFixture<GoldenPairs>("tiny-bert-cross-encoder/golden.json");

  it("puts the parts of a call together in input order", async () => {
    for (const { query } of pairs) {
      const matching = pairs.filter((pair) => pair.query === query);
      const texts = matching.map(({ document }) => document);
      const { logits, truncated, tokens } = await pool.run({ query, texts }, signal);
      expect(logits).toHaveLength(texts.length);
      matching.forEach(({ logits: expected }, i) => {
        expect(logits[i]).toBeCloseTo(expected[0] as number, 4);
      });
      const cut = matching.flatMap(({ removed }, index) =>
        removed.query + removed.document > 0
          ? [{ index, documentTokens: removed.document, queryTokens: removed.query }]
          : [],
      );
      expect(truncated).toEqual(cut);
      expect(tokens).toBe(matching.reduce((sum, { inputIds }) => sum + inputIds.length, 0));
    }
  });

  it("gives the same for many texts as for each alone", async () => {
    const texts = Array.from({ length: 50 }, (_, i) => `Berlin had ${"many ".repeat(i % 7)}inhabitants ${i}.`);
    const together = await pool.run({ query: "Berlin", texts }, signal);
    for (const [i, text] of texts.entries()) {
      const alone = await pool.run({ query: "Berlin", texts: [text] }, signal);
      expect(together.logits[i]).toBeCloseTo(alone.logits[0] as number, 5);
    }
  });

  it("stops every part when the caller aborts", async () => {
    const controller = new AbortController();
    const texts = Array.from({ length: 3000 }, (_, i) => `text ${i}`);
    const call = pool.run({ query: "Berlin", texts }, controller.signal);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    expect((await pool.run({ query: "Berlin", texts: ["a", "b", "c"] }, signal)).logits).toHaveLength(3);
  });
});

type Message = { readonly type: string; readonly request: SharedRequest<ClassifyTask> } | null;

/** Keeps back what is sent to a worker, as if the worker were busy, in `held`. @returns what lets it through again */
function holdBack(worker: Worker, held: Message[] = []): () => void {
  worker.postMessage = (message: Message) => held.push(message);
  return () => {
    Reflect.deleteProperty(worker, "postMessage");
    for (const message of held) worker.postMessage(message);
  };
}

/** An uncaught error between two batches. */
async function kill(worker: Worker): Promise<void> {
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  worker.postMessage(null);
  await exited;
}

describe("workers of which one is not there for a call", async () => {
  const model = { ...(await prepare("tiny-bert-cross-encoder")), workers: 2 };
  const workers: Worker[] = [];
  const remember = (worker: Worker) => workers.push(worker);
  const pool = new InferencePool<ClassifyTask>({
    kind: "classify",
    model,
    head: { labelCount: 1, relevant: 0 },
    longDocuments,
  });
  const texts = Array.from({ length: 40 }, (_, i) => `Berlin had ${"many ".repeat(i % 7)}inhabitants ${i}.`);
  const score = (documents: readonly string[] = texts) => pool.run({ query: "Berlin", texts: documents }, signal);
  beforeAll(async () => {
    process.on("worker", remember);
    await pool.load(signal);
  });
  afterAll(async () => {
    process.off("worker", remember);
    await pool.close(new Error("the tests are over"));
  });

  it("leave everything to the other, whose call does not wait", async () => {
    const expected = await score();
    for (const busy of workers.slice(0, 2)) {
      const letThrough = holdBack(busy);
      expect(await score()).toEqual(expected);
      letThrough();
    }
    expect(await score()).toEqual(expected);
  });

  it("cost a call nothing when the busy one dies after the call is done", async () => {
    const [busy] = workers.slice(-2) as [Worker];
    const letThrough = holdBack(busy);
    const { logits } = await score();
    letThrough();
    await kill(busy);
    expect((await score()).logits).toEqual(logits);
    expect(workers).toHaveLength(3);
  });

  it("score nothing of a call that was aborted before they came to it", async () => {
    await pool.load(signal);
    const held: [Message[], Message[]] = [[], []];
    const letThrough = workers.slice(-2).map((worker, i) => holdBack(worker, held[i]));
    const controller = new AbortController();
    const call = pool.run({ query: "Berlin", texts }, controller.signal);
    while (held.flat().length < 2) await setImmediate();
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    for (const release of letThrough) release();
    await score();
    expect(held.flat().map((message) => message && countTaken(message.request.progress))).toEqual([0, 0]);
  });

  it("are sent what V8 has one description of, and have little room for new objects", async () => {
    // V8 makes a description for each object only in code that has run some times.
    for (let i = 0; i < 100; i++) await score(["a"]);
    const held: [Message[], Message[]] = [[], []];
    const letThrough = workers.slice(-2).map((worker, i) => holdBack(worker, held[i]));
    const calls = [score(), score()];
    while (held.flat().length < 4) await setImmediate();
    for (const release of letThrough) release();
    await Promise.all(calls);
    const requests = held.flat().map((message) => message?.request as object);
    for (const request of requests) expect(haveSameHiddenClass(request, requests[0] as object)).toBe(true);
    for (const worker of workers.slice(-2)) {
      expect(worker.resourceLimits?.maxYoungGenerationSizeMb).toBeLessThanOrEqual(4);
    }
  });

  it("fail the call that one of them took texts of, stop the other, and are replaced", async () => {
    await pool.load(signal);
    const [dying, other] = workers.slice(-2) as [Worker, Worker];
    const sent: Message[] = [];
    const { postMessage } = other;
    const started = new Promise<void>((resolve) => {
      other.postMessage = (message: Message) => {
        sent.push(message);
        postMessage.call(other, message);
        resolve();
      };
    });
    const call = score(Array.from({ length: 3000 }, (_, i) => `text ${i}`));
    const outcome = expect(call).rejects.toMatchObject({ code: "inference_failed", retryable: true });
    await started;
    await kill(dying);
    await outcome;
    Reflect.deleteProperty(other, "postMessage");
    expect(sent.map((message) => message && isStopped(message.request.progress))).toEqual([true]);
    expect((await score()).logits).toHaveLength(40);
    expect(workers).toHaveLength(4);
  });
});

describe.skipIf(nativeMissing)(`workers of a model in our own kernels${nativeMissing}`, async () => {
  const source = { model: fixtureModel("tiny-bert-blocks"), dtype: "int8", device: "cpu", maxLength: 512 } as const;
  const context = { signal, onProgress: () => {} };
  const { model } = await prepareModel(
    { ...source, batchSize: 8 },
    context,
    async () => ({ output: "logits" }) as const,
  );
  const pool = new InferencePool<ClassifyTask>({
    kind: "classify",
    model: { ...model, workers: 3, threads: 1, sharesWeights: true },
    head: { labelCount: 1, relevant: 0 },
    longDocuments,
  });
  const workers: Worker[] = [];
  const ids: (number | undefined)[] = [];
  const remember = (worker: Worker) => {
    workers.push(worker);
    worker.on("message", (message: FromWorker) => message.type === "ready" && ids.push(message.shared?.id));
  };
  beforeAll(() => process.on("worker", remember));
  afterAll(async () => {
    process.off("worker", remember);
    await pool.close(new Error("the tests are over"));
  });
  const texts = Array.from({ length: 40 }, (_, i) => `Berlin had ${"many ".repeat(i % 7)}inhabitants ${i}.`);
  const score = async () => (await pool.run({ query: "Berlin", texts }, signal)).logits;

  it("have one copy of the weights, which a worker joins that takes another's place", async () => {
    const expected = await score();
    await pool.load(signal);
    expect(ids).toEqual([expect.any(Number), ids[0], ids[0]]);
    await kill(workers[0] as Worker);
    expect(await score()).toEqual(expected);
    await pool.load(signal);
    expect(ids).toEqual(new Array(4).fill(ids[0]));
    for (const worker of workers.slice(1)) await kill(worker);
    expect(await score()).toEqual(expected);
    await pool.load(signal);
    expect(ids[4]).not.toBe(ids[0]);
    expect(ids.slice(4)).toEqual(new Array(3).fill(ids[4]));
  });
});

describe("a failing part", async () => {
  const model = await prepare("tiny-broken");
  const pool = new InferencePool<ClassifyTask>({
    kind: "classify",
    model,
    head: { labelCount: 1, relevant: 0 },
    longDocuments,
  });
  afterAll(() => pool.close(new Error("the tests are over")));

  it("fails the call and names the document by its place in the call", async () => {
    const call = pool.run({ query: "q", texts: ["a", "b", "c", "d", "[MASK]"] }, signal);
    await expect(call).rejects.toMatchObject({ code: "inference_failed", message: /NaN.*document 4/ });
    expect((await pool.run({ query: "q", texts: ["a", "b"] }, signal)).logits).toEqual([1, 1]);
  });
});

describe("a pool of sentence encoders", async () => {
  const model = await prepare("tiny-sentence-encoder");
  const pool = new InferencePool<EmbedTask>({ kind: "embed", model, pooling: "mean", normalize: true });
  afterAll(() => pool.close(new Error("the tests are over")));

  it("gives each text its own vector", async () => {
    const texts = ["Berlin", "a city on the river Spree", "museum", "population", ""];
    const { vectors } = await pool.run({ texts }, signal);
    for (const [i, text] of texts.entries()) {
      const alone = await pool.run({ texts: [text] }, signal);
      vectors[i]?.forEach((value, d) => {
        expect(value).toBeCloseTo(alone.vectors[0]?.[d] as number, 5);
      });
    }
  });
});
