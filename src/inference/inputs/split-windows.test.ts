import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadTokenizer } from "../../tokenizers/load-tokenizer.ts";
import { fixtureModel } from "../fixture-models.suite.ts";
import { splitWindows, type TextSpan, type WindowSize } from "./split-windows.ts";

const MODELS = ["tiny-bert-cross-encoder", "tiny-xlm-roberta-cross-encoder", "tiny-qwen3-reranker"];

async function windowsOf(name: string, text: string, size: WindowSize): Promise<readonly TextSpan[]> {
  const steps = splitWindows(await tokenizerOf(name), text, size);
  for (let step = await steps.next(); ; step = await steps.next()) if (step.done) return step.value;
}

async function tokenizerOf(name: string) {
  return loadTokenizer(await readFile(fixtureModel(`${name}/tokenizer.json`), "utf8"));
}

const word = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("Berlin", "inhabitants", "noise-cancelling", "東京の人口は", "café", "x") },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 20, max: 300 }).map((length) => "🎉".repeat(length)) },
);
const text = fc
  .array(fc.tuple(word, fc.constantFrom(" ", "  ", "\n\n", "\t", "")), { minLength: 1, maxLength: 120 })
  .map((parts) => parts.flat().join("").toWellFormed());
const size = fc
  .tuple(fc.integer({ min: 8, max: 60 }), fc.double({ min: 0, max: 0.5, noNaN: true }))
  .map(([room, part]) => ({ room, overlap: Math.floor(room * part) }));

describe.each(MODELS)("splitWindows with %s", (name) => {
  it("covers every character that is not white space, in order, and always gets on", async () => {
    await fc.assert(
      fc.asyncProperty(text, size, async (content, window) => {
        const spans = await windowsOf(name, content, window);
        let covered = 0;
        let lastStart = -1;
        for (const { start, end } of spans) {
          expect(content.slice(covered, start).trim()).toBe("");
          expect(start).toBeGreaterThan(lastStart);
          expect(end).toBeGreaterThanOrEqual(covered);
          expect(content.slice(start, end).isWellFormed()).toBe(true);
          [covered, lastStart] = [end, start];
        }
        expect(content.slice(covered).trim()).toBe("");
      }),
      { numRuns: 60 },
    );
  });

  it("makes windows that fit, of ordinary text, and overlap about as asked", async () => {
    const tokenizer = await tokenizerOf(name);
    const content = "Berlin had a population of 3,520,031 registered inhabitants in 2016. ".repeat(60);
    for (const window of [
      { room: 40, overlap: 10 },
      { room: 120, overlap: 30 },
      { room: 64, overlap: 0 },
    ]) {
      const spans = await windowsOf(name, content, window);
      expect(spans.length).toBeGreaterThan(2);
      for (const [i, { start, end }] of spans.entries()) {
        const tokens = (await tokenizer.encode(content.slice(start, end))).length;
        expect(tokens).toBeLessThanOrEqual(window.room);
        expect(tokens).toBeGreaterThan(window.room / 2);
        const next = spans[i + 1];
        if (window.overlap > 0 && next !== undefined) expect(next.start).toBeLessThan(end);
      }
    }
  });
});

describe("splitWindows", () => {
  it.each([
    ["nothing", ""],
    ["white space", " \n".repeat(500)],
  ])("gives %s as one window", async (_, content) => {
    const spans = await windowsOf("tiny-bert-cross-encoder", content, { room: 20, overlap: 5 });
    expect(spans).toEqual([{ start: 0, end: content.length }]);
  });
});
