import { readFileSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fixtureClassifier, fixtureModel, type GoldenPairs, readFixture } from "./fixture-models.suite.ts";

/** What sentence-transformers gives when some of a model's small files say otherwise: `make-model-variants.py` wrote it. */
interface ModelVariants {
  readonly variants: readonly {
    readonly name: string;
    /** New contents by file; `null` for one that is not there. */
    readonly files: Readonly<Record<string, string | null>>;
    readonly scores: readonly number[];
  }[];
}

const MODEL = "tiny-bert-blocks";
const { pairs } = readFixture<GoldenPairs>(`${MODEL}/golden.json`);
const { variants } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../test/fixtures/model-variants.json"), "utf8"),
) as ModelVariants;
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function variantOf(model: string, files: Readonly<Record<string, string | null>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pgvectordb-variant-"));
  folders.push(folder);
  await cp(fixtureModel(model), folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    await (content === null ? rm(join(folder, file)) : writeFile(join(folder, file), content));
  }
  return folder;
}

test.each(variants)("$name: scores are the reference's", async ({ files, scores }) => {
  const model = await variantOf(MODEL, files);
  const classifier = fixtureClassifier(MODEL, { model, workers: 1, cacheDir: join(model, "cache") });
  try {
    for (const [index, { query, document }] of pairs.entries()) {
      const { logits } = await classifier.score(query, [document]);
      expect(logits[0], `pair ${index}`).toBeCloseTo(scores[index] as number, 4);
    }
  } finally {
    await classifier.close();
  }
});

test("two labels that config.json does not name score as named ones", async () => {
  const name = "tiny-bert-two-labels";
  const { id2label, label2id, ...config } = readFixture<Record<string, unknown>>(`${name}/config.json`);
  expect(Object.keys(id2label as object)).toHaveLength(2);
  const model = await variantOf(name, { "config.json": JSON.stringify(config) });
  const classifier = fixtureClassifier(name, { model, workers: 1 });
  try {
    const { query, document, logits } = readFixture<GoldenPairs>(`${name}/golden.json`)
      .pairs[0] as GoldenPairs["pairs"][0];
    const { logits: scores } = await classifier.score(query, [document]);
    expect(scores[0]).toBeCloseTo((logits[1] as number) - (logits[0] as number), 4);
  } finally {
    await classifier.close();
  }
});
