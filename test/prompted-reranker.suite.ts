import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { fixtureModel, readFixture } from "../src/inference/fixture-models.suite.ts";
import { CrossEncoderReranker, type CrossEncoderRerankerOptions } from "../src/rerankers/index.ts";

/** A pair in a prompt, and what Python gives for it. */
export interface PromptedPair {
  readonly query: string;
  readonly document: string;
  readonly inputIds: readonly number[];
  readonly logits: readonly [no: number, yes: number];
}

export interface PromptedGolden<Pair extends PromptedPair> {
  readonly maxLength: number;
  readonly runs: readonly { readonly instruction: string | null; readonly pairs: readonly Pair[] }[];
}

/** A tiny language model that reranks, with folders that live as long as a test file. */
export class PromptedFixture<Pair extends PromptedPair = PromptedPair> {
  readonly name: string;
  readonly golden: PromptedGolden<Pair>;
  /** The pairs without an instruction. */
  readonly plain: readonly Pair[];
  #temporary = "";

  readonly #scoreOf: (pair: Pair) => number;

  /** Called at the top of a test file; `scoreOf` is what Python makes of a pair. */
  constructor(name: string, scoreOf: (pair: Pair) => number) {
    this.name = name;
    this.#scoreOf = scoreOf;
    this.golden = readFixture<PromptedGolden<Pair>>(`${name}/golden.json`);
    this.plain = this.golden.runs[0]?.pairs ?? [];
    beforeAll(async () => {
      // Not by the model's name, which would say what a copy in it is.
      this.#temporary = await mkdtemp(join(tmpdir(), "prompted-"));
    });
    afterAll(() => rm(this.#temporary, { recursive: true, force: true }));
  }

  get temporary(): string {
    return this.#temporary;
  }

  get cacheDir(): string {
    return join(this.#temporary, "cache");
  }

  make(options: CrossEncoderRerankerOptions = {}): CrossEncoderReranker {
    return new CrossEncoderReranker({
      model: fixtureModel(this.name),
      cacheDir: this.cacheDir,
      maxLength: this.golden.maxLength,
      workers: 1,
      selfCheck: false,
      ...options,
    });
  }

  /** How far each pair's score is from Python's, scored by itself. */
  async differences(options: CrossEncoderRerankerOptions = {}, pairs: readonly Pair[] = this.plain): Promise<number[]> {
    await using reranker = this.make(options);
    const scored = pairs.map(async (pair) => {
      const [best] = await reranker.rerank(pair.query, [pair.document]);
      return this.#distance(best?.rawScore, pair);
    });
    return await Promise.all(scored);
  }

  /** The same for all documents of a query in one call, with others among them. */
  async differencesAmongOthers(options: CrossEncoderRerankerOptions, pairs: readonly Pair[]): Promise<number[]> {
    await using reranker = this.make(options);
    const differences: number[] = [];
    for (const query of new Set(pairs.map((pair) => pair.query))) {
      const asked = pairs.filter((pair) => pair.query === query).reverse();
      const others = Array.from({ length: 5 }, (_, i) => `another document ${"and more ".repeat(i)}`);
      const ranked = await reranker.rerank(query, [...asked.map(({ document }) => document), ...others]);
      for (const [index, pair] of asked.entries()) {
        differences.push(this.#distance(ranked.find((document) => document.index === index)?.rawScore, pair));
      }
    }
    return differences;
  }

  #distance(rawScore: number | undefined, pair: Pair): number {
    return Math.abs((rawScore ?? Number.NaN) - this.#scoreOf(pair));
  }
}
