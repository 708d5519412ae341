import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtureModel, readFixture } from "../src/inference/fixture-models.suite.ts";
import { CrossEncoderReranker, type CrossEncoderRerankerOptions, HuggingFaceReranker } from "../src/rerankers/index.ts";

/** What Python gives for pairs that are cut: test/fixtures/make-truncation-golden.py. */
type Strategy = "longest_first" | "only_second";
type Golden = Readonly<
  Record<
    Strategy,
    readonly {
      readonly maxTokens: number;
      readonly query: string;
      readonly document: string;
      readonly inputIds: readonly number[];
      readonly removed: { readonly query: number; readonly document: number };
      readonly logits: readonly number[];
    }[]
  >
>;

const BERT = "tiny-bert-cross-encoder";

function make(name: string, options: CrossEncoderRerankerOptions = {}): CrossEncoderReranker {
  return new CrossEncoderReranker({ model: fixtureModel(name), workers: 1, selfCheck: false, ...options });
}

describe.each([BERT, "tiny-xlm-roberta-cross-encoder"])("pairs that are too long for %s", (name) => {
  const golden = readFixture<Golden>(`${name}/truncation-golden.json`);

  test.each<Strategy>(["longest_first", "only_second"])("are cut as Python cuts them: %s", async (truncation) => {
    expect(golden[truncation].length).toBeGreaterThan(10);
    for (const maxLength of new Set(golden[truncation].map(({ maxTokens }) => maxTokens))) {
      await using reranker = make(name, { truncation, maxLength });
      for (const { query, document, removed, logits } of golden[truncation].filter((c) => c.maxTokens === maxLength)) {
        const result = await reranker.rerankDetailed(query, [document]);
        expect(Math.abs((result.documents[0]?.rawScore ?? Number.NaN) - (logits[0] as number))).toBeLessThan(1e-4);
        const { query: queryTokens, document: documentTokens } = removed;
        expect(result.truncated).toEqual([{ index: 0, queryTokens, documentTokens }]);
        expect(result.usage.truncatedTokens).toBe(queryTokens + documentTokens);
        expect(result.usage.tokens).toBe(maxLength);
      }
    }
  });
});

const filler = "The quick brown fox jumps over the lazy dog while noise cancelling headphones play music. ";
const wanted = "Berlin had a population of 3,520,031 registered inhabitants in 2016.";
const long = filler.repeat(9) + wanted + filler.repeat(7);
const QUERY = "How many people live in Berlin?";

describe("a document that is split", () => {
  test.each([1, 3])("scores as its best window alone does, with %i workers", async (workers) => {
    await using split = make(BERT, { longDocuments: "split", workers });
    await using plain = make(BERT);
    const documents = ["short", long, filler, `${long} ${long}`];
    const { documents: ranked, spans, truncated, usage } = await split.rerankDetailed(QUERY, documents);
    expect(spans?.map(({ index }) => index)).toEqual([1, 3]);
    expect(truncated).toEqual([]);
    expect(usage.truncatedTokens).toBe(0);
    for (const { index, start, end, windows } of spans ?? []) {
      const document = documents[index] as string;
      const slice = document.slice(start, end);
      const [alone] = await plain.rerank(QUERY, [slice]);
      expect(ranked.find((found) => found.index === index)?.rawScore).toBeCloseTo(alone?.rawScore ?? Number.NaN, 5);
      expect(windows).toBeGreaterThan(2);
    }
    const [short] = await plain.rerank(QUERY, ["short"]);
    expect(ranked.find(({ index }) => index === 0)?.rawScore).toBeCloseTo(short?.rawScore ?? Number.NaN, 5);
  });

  test("may take the mean of its best two windows", async () => {
    await using best = make(BERT, { longDocuments: "split", windowOverlap: 0 });
    await using mean = make(BERT, { longDocuments: "split", windowOverlap: 0, windowPooling: "mean_of_two" });
    const [max] = await best.rerank(QUERY, [long]);
    const [two] = await mean.rerank(QUERY, [long]);
    expect(two?.rawScore).toBeLessThan(max?.rawScore ?? Number.NaN);
    const [one] = await mean.rerank(QUERY, [wanted]);
    const [same] = await best.rerank(QUERY, [wanted]);
    expect(one?.rawScore).toBe(same?.rawScore);
  });

  test("with more overlap has more windows", async () => {
    const counts: (number | undefined)[] = [];
    for (const windowOverlap of [0, 10, 1000]) {
      await using reranker = make(BERT, { longDocuments: "split", windowOverlap });
      counts.push((await reranker.rerankDetailed(QUERY, [long])).spans?.[0]?.windows);
    }
    expect(counts[1]).toBeGreaterThan(counts[0] ?? Number.NaN);
    expect(counts[2]).toBeGreaterThan(counts[1] ?? Number.NaN);
  });

  test("stops when it is aborted, and the worker is free", async () => {
    await using reranker = new HuggingFaceReranker({
      model: fixtureModel(BERT),
      device: "cpu",
      longDocuments: "split",
      workers: 1,
      selfCheck: false,
    });
    await reranker.load();
    const controller = new AbortController();
    const call = reranker.rerank(QUERY, [filler.repeat(20_000)], { signal: controller.signal });
    call.catch(() => {});
    // Runs after the long call's first steps, as the two take turns.
    await reranker.rerank(QUERY, ["a"]);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    expect(await reranker.rerank(QUERY, ["a", "b"])).toHaveLength(2);
  });

  test("that scores no number is named by its place, whichever window it is", async () => {
    await using reranker = make("tiny-broken", { longDocuments: "split" });
    const call = reranker.rerank(QUERY, ["a", long, `${long} [MASK] ${filler}`]);
    await expect(call).rejects.toMatchObject({ code: "inference_failed", message: /NaN as the score of document 2/ });
  });

  test("is refused beside a query that leaves no room", async () => {
    await using reranker = make(BERT, { longDocuments: "split", truncation: "only_second", maxLength: 32 });
    await expect(reranker.rerank(filler, [long])).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/query leaves \d+ tokens/),
    });
  });
});

test.each(["tiny-qwen3-reranker", "tiny-mxbai-rerank-v2"])("the windows of %s fit into its prompt", async (model) => {
  const cacheDir = await mkdtemp(join(tmpdir(), "long-pairs-"));
  try {
    await using reranker = make(model, { cacheDir, maxLength: 300, longDocuments: "split" });
    const { spans, truncated } = await reranker.rerankDetailed(QUERY, [long, "short"]);
    expect(spans).toHaveLength(1);
    expect(truncated).toEqual([]);
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
});

test("a long document may be an error, that names it and quotes nothing of it", async () => {
  await using reranker = make(BERT, { longDocuments: "error", workers: 2 });
  expect(await reranker.rerank(QUERY, [wanted, "a"])).toHaveLength(2);
  const call = reranker.rerank(QUERY, ["a", "b", long, "c"]);
  await expect(call).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringMatching(/`documents\[2\]`.*tokens longer.*`longDocuments` is "error"/),
  });
  await expect(call).rejects.not.toThrow(/fox/);
});

describe("options", () => {
  test.each([
    [{ truncation: "longest" }, /`truncation` must be "longest_first", "only_second"/],
    [{ longDocuments: "cut" }, /`longDocuments` must be "truncate", "split", "error"/],
    [{ windowOverlap: -1 }, /`windowOverlap` must be an integer/],
    [{ windowOverlap: 2.5 }, /`windowOverlap` must be an integer/],
    [{ windowPooling: "mean" }, /`windowPooling` must be/],
    [{ prompt: "qwen" }, /`prompt` must be/],
    [{ instruction: " " }, /`instruction` must be/],
    [{ selfCheck: "no" }, /`selfCheck` must be/],
    [{ onWarning: 1 }, /`onWarning` must be/],
  ])("%j is refused", (options, message) => {
    expect(() => make(BERT, options as CrossEncoderRerankerOptions)).toThrow(message);
  });
});
