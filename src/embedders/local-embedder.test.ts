import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixtureModel, readFixture } from "../inference/fixture-models.suite.ts";
import { createLocalEmbedder, type LocalEmbedder, type LocalEmbedderOptions } from "./local-embedder.ts";

const model = fixtureModel("tiny-sentence-encoder");
const golden = readFixture<{ texts: string[]; vectors: Record<"mean" | "cls", number[][]> }>(
  "tiny-sentence-encoder/golden.json",
);

function expectVectors(actual: readonly ArrayLike<number>[], expected: readonly (readonly number[])[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [row, vector] of actual.entries()) {
    const distances = Array.from(vector, (value, i) => Math.abs(value - (expected[row]?.[i] as number)));
    expect(Math.max(...distances), `text ${row}`).toBeLessThan(1e-4);
  }
}

interface LastTokenGolden {
  readonly texts: string[];
  readonly vectors: number[][];
  readonly queries: string[];
  readonly queryVectors: number[][];
  readonly prompts: { readonly query: string };
}

let cacheDir: string;
beforeAll(async () => {
  cacheDir = await mkdtemp(path.join(tmpdir(), "local-embedder-"));
});
afterAll(() => rm(cacheDir, { recursive: true, force: true }));

describe("createLocalEmbedder", () => {
  let embedder: LocalEmbedder;
  beforeAll(async () => {
    embedder = await createLocalEmbedder({ model });
  });
  afterAll(() => embedder.close());

  it("gives the vectors of sentence-transformers, pooled as the repository says", async () => {
    expect(embedder.dimensions).toBe(16);
    expectVectors(await embedder.embedDocuments(golden.texts), golden.vectors.mean);
    expectVectors(await embedder.embedDocuments(golden.texts.toReversed()), golden.vectors.mean.toReversed());
    expectVectors([await embedder.embedQuery(golden.texts[0] as string)], golden.vectors.mean.slice(0, 1));
  });

  it("pools as the caller says", async () => {
    await using cls = await createLocalEmbedder({ model, pooling: "cls" });
    expectVectors(await cls.embedDocuments(golden.texts), golden.vectors.cls);
  });

  it("puts the prefixes before queries and documents", async () => {
    await using prefixed = await createLocalEmbedder({ model, queryPrefix: "query: ", documentPrefix: "passage: " });
    const [document] = await embedder.embedDocuments(["passage: dog"]);
    expect(await prefixed.embedQuery("dog")).toEqual(await embedder.embedQuery("query: dog"));
    expect((await prefixed.embedDocuments(["dog"]))[0]).toEqual(document);
  });

  it("leaves the length alone when asked", async () => {
    await using plain = await createLocalEmbedder({ model, normalize: false });
    const vector = await plain.embedQuery("dog");
    const unit = await embedder.embedQuery("dog");
    const length = Math.hypot(...vector);
    expect(Math.abs(length - 1)).toBeGreaterThan(0.1);
    expectVectors([vector.map((value) => value / length)], [[...unit]]);
  });

  it("has an id that every option which changes a vector is part of", async () => {
    expect(embedder.id).toBe(`local:${model}`);
    await using other = await createLocalEmbedder({ model, maxLength: 8, queryPrefix: "q: ", batchSize: 4 });
    expect(other.id).toBe(`local:${model}?maxLength=8,queryPrefix="q: "`);
    await using named = await createLocalEmbedder({ model, id: "mine@1", hybridWeight: 2 });
    expect([named.id, named.hybridWeight]).toEqual(["mine@1", 2]);
  });

  it("takes empty and ill-formed input, and refuses what is no text", async () => {
    expect(await embedder.embedDocuments([])).toEqual([]);
    expect(await embedder.embedDocuments(["", "\ud800"])).toHaveLength(2);
    const call = embedder.embedDocuments([1] as unknown as string[]);
    await expect(call).rejects.toMatchObject({ code: "invalid_argument", message: /`texts`/ });
  });

  it("rejects what is aborted", async () => {
    const signal = AbortSignal.abort();
    await expect(embedder.embedQuery("dog", { signal })).rejects.toMatchObject({ code: "aborted" });
    await expect(createLocalEmbedder({ model, signal })).rejects.toMatchObject({ code: "aborted" });
  });

  it("names the option that is wrong", async () => {
    const cases: [object, RegExp][] = [
      [{}, /`model`/],
      [{ model: "builtin" }, /`model`/],
      [{ model, pooling: "max" }, /`pooling`/],
      [{ model, normalise: true }, /Unknown option `normalise`/],
      [{ model, queryPrefix: 1 }, /`queryPrefix`/],
      [{ model, hybridWeight: -1 }, /`hybridWeight`/],
    ];
    for (const [options, message] of cases) {
      const call = createLocalEmbedder(options as LocalEmbedderOptions);
      await expect(call).rejects.toMatchObject({ code: "invalid_argument", message });
    }
  });

  it("reads a language model by its last token, and takes the prompts of its repository", async () => {
    const folder = fixtureModel("tiny-qwen3-embedder");
    const { texts, vectors, queries, queryVectors, prompts } = readFixture<LastTokenGolden>(
      "tiny-qwen3-embedder/golden.json",
    );
    await using last = await createLocalEmbedder({ model: folder, cacheDir });
    expectVectors(await last.embedDocuments(texts), vectors);
    for (const [index, query] of queries.entries()) {
      expectVectors([await last.embedQuery(query)], [queryVectors[index] as number[]]);
    }
    expect(last.id).toBe(`local:${folder}?queryPrefix=${JSON.stringify(prompts.query)}`);
    await using bare = await createLocalEmbedder({ model: folder, cacheDir, queryPrefix: "" });
    expectVectors([await bare.embedQuery(texts[0] as string)], vectors.slice(0, 1));
    expect(bare.id).toBe(`local:${folder}?queryPrefix=""`);
    const mean = createLocalEmbedder({ model: folder, cacheDir, pooling: "mean" });
    await expect(mean).rejects.toMatchObject({ code: "invalid_argument", message: /`pooling` must be "last"/ });
  });

  it("refuses a repository whose vectors it would get wrong", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "pgvectordb-sentence-"));
    try {
      await cp(model, folder, { recursive: true });
      await writeFile(path.join(folder, "1_Pooling/config.json"), '{"pooling_mode_max_tokens":true}');
      const call = createLocalEmbedder({ model: folder });
      await expect(call).rejects.toMatchObject({
        code: "model_invalid",
        message: /pooling_mode_max_tokens.*`pooling`/,
      });
      await using chosen = await createLocalEmbedder({ model: folder, pooling: "mean" });
      expect(chosen.dimensions).toBe(16);
      await writeFile(path.join(folder, "modules.json"), '[{"type":"sentence_transformers.models.Dense"}]');
      const dense = createLocalEmbedder({ model: folder });
      await expect(dense).rejects.toMatchObject({ code: "model_invalid", message: /Dense/ });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
