import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { PgVectorDBError } from "../errors.ts";
import { readTemplates } from "../inference/inputs/pair-template.ts";
import { loadTokenizer } from "./load-tokenizer.ts";

const MODELS = ["tiny-xlm-roberta-cross-encoder", "tiny-qwen3-reranker", "tiny-bert-cross-encoder"];

type Json = Record<string, unknown>;
const strange = fc.constantFrom(null, -1, 0, 1e9, 2 ** 32, 1.5, "", "x", [], {}, true, "🎉", [[]]);
/** Where to go down at each level, as parts of what is there; and what to put there, or nothing to remove it. */
const change = fc.record({
  path: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 6 }),
  value: fc.option(strange, { nil: undefined, freq: 3 }),
});

function apply(file: Json, { path, value }: { readonly path: readonly number[]; readonly value?: unknown }): void {
  let place = file;
  for (const [level, part] of path.entries()) {
    const keys = Object.keys(place);
    const key = keys[Math.floor(part * keys.length)];
    if (key === undefined) return;
    const next = place[key];
    if (level < path.length - 1 && typeof next === "object" && next !== null) place = next as Json;
    else if (value === undefined) delete place[key];
    else place[key] = structuredClone(value);
  }
}

it.each(MODELS)("any change of %s's tokenizer.json loads or is refused with the library's own error", async (name) => {
  const text = readFileSync(`test/fixtures/models/${name}/tokenizer.json`, "utf8");
  const use = async (file: Json) => {
    const tokenizer = await loadTokenizer(JSON.stringify(file));
    readTemplates(file["post_processor"]);
    const ids = await tokenizer.encode("Berlin 東京 🎉 yes [CLS] <s> </s> <|im_end|>");
    expect(ids.every((id) => Number.isInteger(id) && id >= 0)).toBe(true);
  };
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const file = JSON.parse(text) as Json;
      for (const each of changes) apply(file, each);
      await use(file).catch((error: unknown) => expect(error).toBeInstanceOf(PgVectorDBError));
    }),
    { numRuns: 150 },
  );
});
