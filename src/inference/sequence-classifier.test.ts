import { getEventListeners } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from "vitest";
import { fixtureClassifier, fixtureModel } from "./fixture-models.suite.ts";
import { nativeMissingInOneWorker, preferKernels } from "./native/native-engine.suite.ts";
import type { SequenceClassifier } from "./sequence-classifier.ts";

const QUERY = "How many people live in Berlin?";
const many = Array.from({ length: 2000 }, (_, i) => `Berlin had ${i} registered inhabitants.`);

const workers: Worker[] = [];
const remember = (worker: Worker) => workers.push(worker);
beforeAll(() => process.on("worker", remember));
afterAll(() => process.off("worker", remember));

const open: SequenceClassifier[] = [];
/** One worker, so that what happens to a worker happens to the call. */
function make(name: string, options?: Parameters<typeof fixtureClassifier>[1]): SequenceClassifier {
  const classifier = fixtureClassifier(name, { workers: 1, ...options });
  open.push(classifier);
  return classifier;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((classifier) => classifier.close()));
});

preferKernels();
const nativeMissingHere = await nativeMissingInOneWorker();
/** Every engine keeps the same promises. */
const engines = [
  { engine: "ONNX Runtime", name: "tiny-bert-cross-encoder", options: {}, missing: "" },
  ...(["int8", "fp32"] as const).map((dtype) => ({
    engine: `our own kernels, ${dtype}`,
    name: "tiny-bert-blocks",
    options: { dtype },
    missing: nativeMissingHere,
  })),
];

describe.each(engines)("a classifier's calls in $engine$missing", ({ name, options: engine, missing }) => {
  const it = test.skipIf(missing);

  it("load nothing before the first, and one worker for all", async () => {
    workers.length = 0;
    const classifier = make(name, engine);
    expect(workers).toHaveLength(0);
    await Promise.all([classifier.load(), classifier.score(QUERY, ["a"]), classifier.score(QUERY, ["b"])]);
    expect(workers).toHaveLength(1);
  });

  it("take turns: a short one ends while a long one runs, and an abort stops the long one", async () => {
    const classifier = make(name, { ...engine, batchSize: 1 });
    await classifier.load();
    const controller = new AbortController();
    let longIsDone = false;
    const long = classifier.score(QUERY, many, { signal: controller.signal }).finally(() => {
      longIsDone = true;
    });
    long.catch(() => {});
    await classifier.score(QUERY, ["a", "b"]);
    expect(longIsDone).toBe(false);
    controller.abort();
    await expect(long).rejects.toMatchObject({ code: "aborted" });
    expect((await classifier.score(QUERY, ["a"])).logits).toHaveLength(1);
  });

  it("are fair: of calls made at once each short one ends before the long one, in the order they came", async () => {
    const classifier = make(name, { ...engine, batchSize: 1 });
    await classifier.load();
    const ended: string[] = [];
    const call = (caller: string, texts: readonly string[]) =>
      classifier.score(QUERY, texts).then(({ logits }) => {
        expect(logits).toHaveLength(texts.length);
        ended.push(caller);
      });
    const short = ["a", "b", "c"];
    await Promise.all([
      call("long", many.slice(0, 200)),
      ...Array.from({ length: 12 }, (_, i) => call(`short ${i}`, short)),
    ]);
    expect(ended).toEqual([...Array.from({ length: 12 }, (_, i) => `short ${i}`), "long"]);
  });

  it("never start when aborted before", async () => {
    workers.length = 0;
    const classifier = make(name, engine);
    const call = classifier.score(QUERY, ["a"], { signal: AbortSignal.abort() });
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    expect(workers).toHaveLength(0);
  });

  it("can be aborted while the model loads, and made again", async () => {
    const classifier = make(name, engine);
    const controller = new AbortController();
    const call = classifier.score(QUERY, ["a"], { signal: controller.signal });
    process.once("worker", () => controller.abort());
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    expect((await classifier.score(QUERY, ["a"])).logits).toHaveLength(1);
  });

  it("leave nothing on the caller's signal", async () => {
    const classifier = make(name, engine);
    const { signal } = new AbortController();
    for (let call = 0; call < 3; call++) await classifier.score(QUERY, ["a"], { signal });
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("are refused when too many wait, and taken again when they are done", async () => {
    const classifier = make(name, { ...engine, maxPending: 2 });
    const waiting = [classifier.score(QUERY, ["a"]), classifier.score(QUERY, ["b"])];
    await expect(classifier.score(QUERY, ["c"])).rejects.toMatchObject({ code: "overloaded", retryable: true });
    await Promise.all(waiting);
    expect((await classifier.score(QUERY, ["c"])).logits).toHaveLength(1);
  });
});

/** An uncaught error between two batches. Stopping the thread inside ONNX Runtime would take the whole process along. */
async function kill(worker: Worker): Promise<void> {
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  worker.postMessage(null);
  await exited;
}

describe.each(engines)("a worker that dies in $engine$missing", ({ name, options: engine, missing }) => {
  const it = test.skipIf(missing);

  it("fails its calls and is replaced by the next", async () => {
    workers.length = 0;
    const classifier = make(name, { ...engine, batchSize: 1 });
    const { logits } = await classifier.score(QUERY, ["a"]);
    const calls = [classifier.score(QUERY, many), classifier.score(QUERY, ["a"])];
    const outcomes = Promise.allSettled(calls);
    await kill(workers[0] as Worker);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "inference_failed", retryable: true } });
    }
    expect((await classifier.score(QUERY, ["a"])).logits).toEqual(logits);
    expect(workers).toHaveLength(2);
  });

  it("is replaced also when it died while nobody waited", async () => {
    workers.length = 0;
    const classifier = make(name, engine);
    await classifier.load();
    await kill(workers[0] as Worker);
    expect((await classifier.score(QUERY, ["a"])).logits).toHaveLength(1);
  });
});

describe.each(engines)("closing in $engine$missing", ({ name, options: engine, missing }) => {
  const it = test.skipIf(missing);

  it("rejects what waits and what comes later, and may be done twice", async () => {
    const classifier = make(name, { ...engine, batchSize: 1 });
    await classifier.load();
    const call = classifier.score(QUERY, many);
    call.catch(() => {});
    await Promise.all([classifier.close(), classifier.close()]);
    await expect(call).rejects.toMatchObject({ code: "closed" });
    await expect(classifier.score(QUERY, ["a"])).rejects.toMatchObject({ code: "closed" });
    await expect(classifier.load()).rejects.toMatchObject({ code: "closed" });
  });

  it("ends the worker, also one that is still loading", async () => {
    workers.length = 0;
    const classifier = make(name, engine);
    const loading = classifier.load();
    loading.catch(() => {});
    const started = new Promise<Worker>((resolve) => process.once("worker", resolve));
    const ended = started.then((worker) => new Promise((resolve) => worker.once("exit", resolve)));
    await started;
    await classifier.close();
    await expect(loading).rejects.toMatchObject({ code: "closed" });
    await ended;
  });

  it("does nothing to a classifier that never ran", async () => {
    await make(name, engine).close();
  });
});

describe("a model that cannot be used", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "pgvectordb-model-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("names the document whose score is not a number", async () => {
    const classifier = make("tiny-broken");
    expect((await classifier.score(QUERY, ["a", "b"])).logits).toEqual([1, 1]);
    const call = classifier.score(QUERY, ["a", "b", "[MASK]", "c"]);
    await expect(call).rejects.toMatchObject({ code: "inference_failed", message: /NaN.*document 2/ });
  });

  it("says which labels it has when there are too many", async () => {
    await expect(make("tiny-bert-three-labels").load()).rejects.toMatchObject({
      code: "model_invalid",
      message: /"contradiction", "entailment", "neutral".*`relevantLabel`/,
    });
  });

  it("says so when it gives vectors and no logits", async () => {
    const classifier = make("tiny-sentence-encoder");
    await expect(classifier.load()).rejects.toMatchObject({ code: "model_invalid", message: /last_hidden_state/ });
  });

  it("says so when a file is cut short, is no JSON, or is missing", async () => {
    const cases: [string, (file: string) => Promise<void>, RegExp][] = [
      ["onnx/model.onnx", async (file) => writeFile(file, (await readFile(file)).subarray(0, 5000)), /ONNX file/],
      ["tokenizer.json", (file) => writeFile(file, "{"), /tokenizer\.json/],
      ["tokenizer.json", (file) => writeFile(file, '{"post_processor":null}'), /tokenizer\.json/],
      ["tokenizer.json", (file) => rm(file), /no tokenizer\.json/],
      ["config.json", (file) => writeFile(file, "[]"), /config\.json/],
      ["config.json", (file) => rm(file), /no config\.json/],
      ["onnx/model.onnx", (file) => rm(file), /dtype/],
    ];
    for (const [index, [file, damage, message]] of cases.entries()) {
      const model = path.join(folder, `damaged-${index}`);
      await cp(fixtureModel("tiny-bert-cross-encoder"), model, { recursive: true });
      await damage(path.join(model, file));
      const classifier = make("", { model });
      await expect(classifier.load(), `case ${index}`).rejects.toMatchObject({ code: "model_invalid", message });
    }
  });

  it("says which devices there are", async () => {
    const call = make("tiny-bert-cross-encoder", { device: "abacus" }).load();
    await expect(call).rejects.toMatchObject({ code: "invalid_argument", message: /`device` "abacus".*cpu/ });
  });

  it("says how short is too short", async () => {
    const call = make("tiny-bert-cross-encoder", { maxLength: 4 }).load();
    await expect(call).rejects.toMatchObject({ code: "invalid_argument", message: /`maxLength`.*at least 5 tokens/ });
  });
});
