import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createStaticEmbedder } from "./static-embedder.ts";

const FOLDER = "test/fixtures/static-model";

interface Golden {
  readonly cases: readonly { readonly text: string; readonly vector: readonly number[] }[];
}

let golden: Golden;
let scratch: string;
beforeAll(async () => {
  golden = JSON.parse(await readFile(join(FOLDER, "golden.json"), "utf8"));
  scratch = await mkdtemp(join(tmpdir(), "static-model-"));
});
afterAll(() => rm(scratch, { recursive: true }));

describe("createStaticEmbedder", () => {
  it("gives numpy's vectors, also past `max_tokens` and for texts without tokens", async () => {
    const embedder = createStaticEmbedder({ folder: FOLDER });
    const vectors = await embedder.embedDocuments(golden.cases.map(({ text }) => text));
    expect(golden.cases.length).toBeGreaterThan(8);
    for (const [index, { vector }] of golden.cases.entries()) expectClose(vectors[index] ?? [], vector);
    for (const { text, vector } of golden.cases) expectClose(await embedder.embedQuery(text), vector);
  });

  it("knows its id and dimensions before anything is loaded", () => {
    const embedder = createStaticEmbedder({ folder: FOLDER });
    expect(embedder).toMatchObject({ id: "test/static-v1", dimensions: 6 });
  });

  it("gives unit vectors for any text", async () => {
    const embedder = createStaticEmbedder({ folder: FOLDER });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" })), async (texts) => {
        const vectors = await embedder.embedDocuments(texts);
        expect(vectors).toHaveLength(texts.length);
        for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
      }),
    );
  });

  it("lets timers run while it embeds many texts and one very long text", async () => {
    const embedder = createStaticEmbedder({ folder: await folderWith({ config: { max_tokens: null } }) });
    let ticks = 0;
    let isDone = false;
    const countTicks = () => {
      ticks++;
      if (!isDone) setImmediate(countTicks);
    };
    setImmediate(countTicks);
    await embedder.embedDocuments([...new Array(20_000).fill("the best headphones"), "漢é ".repeat(500_000)]);
    isDone = true;
    expect(ticks).toBeGreaterThan(3);
  });

  it("stops at an abort between slices", async () => {
    const embedder = createStaticEmbedder({ folder: FOLDER });
    await embedder.load?.();
    const controller = new AbortController();
    const pending = embedder.embedDocuments(new Array(200_000).fill("the best headphones"), {
      signal: controller.signal,
    });
    setImmediate(() => controller.abort());
    await expect(pending).rejects.toMatchObject({ code: "aborted" });
    await expect(embedder.embedQuery("the", { signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
  });

  it("gives nothing for nothing without loading", async () => {
    const folder = await folderWith({ remove: "model.safetensors" });
    expect(await createStaticEmbedder({ folder }).embedDocuments([])).toEqual([]);
  });

  it("rejects after close", async () => {
    const embedder = createStaticEmbedder({ folder: FOLDER });
    await embedder.close?.();
    await embedder.close?.();
    await expect(embedder.embedQuery("the")).rejects.toMatchObject({ code: "closed" });
  });

  it.each([
    ["texts that are not an array", (embed: Embed) => embed("text"), "`texts`"],
    ["a text that is not a string", (embed: Embed) => embed(["a", 5]), "`texts[1]`"],
    ["a hole in the texts", (embed: Embed) => embed(new Array(1)), "`texts[0]`"],
    ["an unknown option", (embed: Embed) => embed(["a"], { timeout: 5 }), "`timeout`"],
    ["a signal of another kind", (embed: Embed) => embed(["a"], { signal: {} }), "`signal`"],
  ])("refuses %s", async (_, call, named) => {
    const embedder = createStaticEmbedder({ folder: FOLDER });
    const embed = embedder.embedDocuments.bind(embedder) as unknown as Embed;
    const error = await call(embed).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "invalid_argument", message: expect.stringContaining(named) });
  });

  it.each([
    ["no config", { remove: "config.json" }, "model_not_found"],
    ["another kind of model", { config: { model_type: "bert" } }, "model_invalid"],
    ["no id", { config: { id: "" } }, "model_invalid"],
    ["a dimension count that is not one", { config: { dimensions: 6.5 } }, "model_invalid"],
    ["a weight that is not one", { config: { hybrid_weight: -1 } }, "model_invalid"],
    ["a token limit that is not one", { config: { max_tokens: 0 } }, "model_invalid"],
  ])("refuses a folder with %s when constructed", async (_, change, code) => {
    const folder = await folderWith(change);
    expect(() => createStaticEmbedder({ folder })).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ["no tokenizer", { remove: "tokenizer.json" }, "model_not_found"],
    ["no weights", { remove: "model.safetensors" }, "model_not_found"],
    ["a tokenizer that is not JSON", { tokenizer: "{" }, "model_invalid"],
    ["a tokenizer of another kind", { tokenizer: "{}" }, "model_invalid"],
    ["weights of other dimensions", { config: { dimensions: 5 } }, "model_invalid"],
  ])("rejects a folder with %s at load, and again at the next", async (_, change, code) => {
    const embedder = createStaticEmbedder({ folder: await folderWith(change) });
    await expect(embedder.load?.()).rejects.toMatchObject({ code });
    await expect(embedder.embedQuery("the")).rejects.toMatchObject({ code });
  });

  it.each([undefined, {}, { folder: "" }, { folder: FOLDER, dimension: 5 }])("refuses the options %j", (options) => {
    expect(() => createStaticEmbedder(options as { folder: string })).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });
});

type Embed = (texts: unknown, options?: unknown) => Promise<unknown>;

interface FolderChange {
  readonly config?: object;
  readonly tokenizer?: string;
  readonly remove?: string;
}

async function folderWith({ config, tokenizer, remove }: FolderChange): Promise<string> {
  const folder = await mkdtemp(join(scratch, "model-"));
  await cp(FOLDER, folder, { recursive: true });
  if (config !== undefined) {
    const original = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...original, ...config }));
  }
  if (tokenizer !== undefined) await writeFile(join(folder, "tokenizer.json"), tokenizer);
  if (remove !== undefined) await rm(join(folder, remove));
  return folder;
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 6);
}
