import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeResults } from "./merge-results.ts";
import { type PartResult, type RunPart, runPortions } from "./run-portions.ts";
import { type SharedTexts, shareTexts } from "./share-texts.ts";
import type { EmbedTask } from "./worker-messages.ts";

/** A model whose vector of a text is its length; it takes a step for each text. */
const begin = async (): Promise<RunPart<EmbedTask>> =>
  async function* ({ texts }) {
    const vectors: Float32Array[] = [];
    for (const text of texts) {
      yield undefined;
      vectors.push(Float32Array.of(text.length));
    }
    return { vectors };
  };

function share(texts: readonly string[], workers: number): SharedTexts {
  return shareTexts(texts, workers)[0]?.shared as SharedTexts;
}

const placesOf = (parts: readonly PartResult<EmbedTask>[]) => parts.flatMap(({ positions }) => positions);

describe("workers that take portions", () => {
  it("do every text once, whoever is faster", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 200 }), { minLength: 2, maxLength: 60 }),
        fc.integer({ min: 2, max: 5 }),
        fc.infiniteStream(fc.nat(4)),
        async (texts, workers, turns) => {
          const shared = share(texts, workers);
          const running = Array.from({ length: workers }, () => runPortions<EmbedTask>(shared, begin));
          const parts: PartResult<EmbedTask>[] = [];
          while (running.length > 0) {
            const turn = (turns.next().value as number) % running.length;
            const step = await running[turn]?.next();
            if (step?.done !== true) continue;
            parts.push(...step.value);
            running.splice(turn, 1);
          }
          expect(placesOf(parts).sort((a, b) => a - b)).toEqual(texts.map((_, i) => i));
          const { vectors } = mergeResults<EmbedTask>(parts, texts.length);
          expect(vectors.map(([length]) => length)).toEqual(texts.map(({ length }) => length));
        },
      ),
    );
  });

  it("leave one that is stalled its portion alone", async () => {
    const texts = Array.from({ length: 50 }, (_, i) => "x".repeat(i));
    const shared = share(texts, 2);
    const stalled = runPortions<EmbedTask>(shared, begin);
    await stalled.next();
    const others = await finish(runPortions<EmbedTask>(shared, begin));
    const late = await finish(stalled);
    expect(late).toHaveLength(1);
    expect(placesOf(late).length + placesOf(others).length).toBe(50);
    expect(placesOf(late).length).toBeLessThan(50 / 2);
  });

  it("begin nothing where nothing is left", async () => {
    const shared = share(["a", "b"], 2);
    await finish(runPortions<EmbedTask>(shared, begin));
    const late = runPortions<EmbedTask>(shared, () => Promise.reject(new Error("begun")));
    expect(await finish(late)).toEqual([]);
  });
});

async function finish(steps: ReturnType<typeof runPortions<EmbedTask>>): Promise<readonly PartResult<EmbedTask>[]> {
  for (;;) {
    const step = await steps.next();
    if (step.done) return step.value;
  }
}
