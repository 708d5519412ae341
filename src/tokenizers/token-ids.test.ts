import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadTokenizer } from "./load-tokenizer.ts";
import { WordPieceTokenizer } from "./wordpiece-tokenizer.ts";

type Kind = "unigram" | "bpe" | "wordpiece";

/** Made by test/fixtures/make-token-ids.py, which says what each part is. */
interface Golden {
  readonly generator: {
    readonly seed: number;
    readonly lengths: readonly number[];
    readonly ranges: readonly (readonly [number, number])[];
    readonly samples: readonly string[];
  };
  readonly count: number;
  readonly chunk: number;
  readonly words: readonly string[];
  readonly special: Readonly<Record<"unigram" | "wordpiece", readonly string[]>>;
  readonly texts: readonly string[];
  readonly kinds: Readonly<
    Record<
      Kind,
      { readonly blueprint: { readonly model: object }; readonly tokens: number; readonly digests: string[] }
    >
  >;
}

const goldenFile = process.env["TOKEN_IDS_GOLDEN"] ?? "test/fixtures/token-ids.json";
const golden: Golden = JSON.parse(readFileSync(goldenFile, "utf8"));
const chunks = makeChunks();

describe("token ids of fuzzed Unicode", () => {
  it("are asked for the texts that Python was asked for", () => {
    expect(golden.count).toBeGreaterThanOrEqual(20_000);
    expect(chunks.map(digest)).toEqual(golden.texts);
  });

  it.each<Kind>(["unigram", "bpe", "wordpiece"])("are those of Python: %s", async (kind) => {
    const { digests, tokens } = golden.kinds[kind];
    const tokenizer = await loadTokenizer(tokenizerJson(kind));
    expect(tokenizer instanceof WordPieceTokenizer).toBe(kind === "wordpiece");
    let count = 0;
    for (const [index, chunk] of chunks.entries()) {
      const ids = await Promise.all(chunk.map((text) => tokenizer.encode(text)));
      count += ids.reduce((sum, row) => sum + row.length, 0);
      expect(digest(ids.map((row) => row.join())), `chunk ${index}`).toBe(digests[index]);
    }
    expect(count).toBe(tokens);
  });
});

/** The texts, from the same random numbers (mulberry32) by the same steps. */
function makeChunks(): string[][] {
  const { seed, lengths, ranges, samples } = golden.generator;
  let state = seed;
  const pick = (count: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % count;
  };
  const character = () => {
    const kind = pick(6);
    if (kind < 2) return String.fromCodePoint(0x20 + pick(0x5f));
    if (kind === 2) return samples[pick(samples.length)] as string;
    if (kind === 3) {
      const [first, last] = ranges[pick(ranges.length)] as readonly [number, number];
      return String.fromCodePoint(first + pick(last - first + 1));
    }
    if (kind === 4) {
      const code = pick(0x110000);
      return code >= 0xd800 && code < 0xe000 ? "\ufffd" : String.fromCodePoint(code);
    }
    return String.fromCodePoint(0x300 + pick(0x70));
  };
  const text = () => {
    let made = "";
    for (let left = lengths[pick(lengths.length)] as number; left > 0; left--) {
      made += character();
      made += ["", "", " "][pick(3)];
    }
    return made;
  };
  return Array.from({ length: golden.count / golden.chunk }, () => Array.from({ length: golden.chunk }, text));
}

function tokenizerJson(kind: Kind): string {
  if (kind === "bpe") return readFileSync("test/fixtures/models/tiny-qwen3-reranker/tokenizer.json", "utf8");
  const { blueprint } = golden.kinds[kind];
  const special = golden.special[kind];
  const added = special.map((content, id) => {
    return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  });
  const vocab = kind === "unigram" ? unigramVocabulary(special) : wordPieceVocabulary(special);
  return JSON.stringify({ ...blueprint, added_tokens: added, model: { ...blueprint.model, vocab } });
}

function unigramVocabulary(special: readonly string[]): [string, number][] {
  const scored = pieces(["", "▁"])
    .filter((piece) => piece !== "▁")
    .map((piece, i): [string, number] => [piece, -20 + 4 * piece.length - (i % 7)]);
  return [...special.map((token): [string, number] => [token, 0]), ...scored, ["▁", -30]];
}

function wordPieceVocabulary(special: readonly string[]): Record<string, number> {
  return Object.fromEntries([...special, ...pieces(["", "##"])].map((piece, id) => [piece, id]));
}

function pieces(prefixes: readonly string[]): string[] {
  const found = new Set<string>();
  for (const word of golden.words) for (const prefix of prefixes) found.add(prefix + word);
  for (const [first, last] of golden.generator.ranges) {
    for (let code = first; code <= last; code++) {
      for (const prefix of prefixes) found.add(prefix + String.fromCodePoint(code));
    }
  }
  return [...found];
}

function digest(lines: readonly string[]): string {
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 16);
}
