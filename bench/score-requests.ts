import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readTrecDl21 } from "./quality-datasets.ts";

/** What one rerank is asked. Plain data: peers in other languages read it as JSON. */
export interface ScoreRequest {
  readonly query: string;
  readonly texts: readonly string[];
}

export type ScoreRequests = Readonly<Record<"warm" | "short" | "long" | "embed" | "all", ScoreRequest>>;

/** Longer than 512 tokens in any tokenizer for English. */
const LONG_CHARACTERS = 4000;

/** Passages as a first stage gives them (`short`, and `embed` for embedders), and documents that fill the model (`long` and `all`). */
export async function readScoreRequests(
  data: string,
  counts: Readonly<Record<"short" | "long" | "all", number>>,
): Promise<{ readonly requests: ScoreRequests; readonly source: string }> {
  const { query, passages, source } = (await readPool(data)) ?? (await readOwnDocs());
  const short = Array.from({ length: counts.short }, (_, index) => passages[index % passages.length] as string);
  const all = Array.from({ length: counts.all }, (_, index) => longText(passages, index));
  return {
    requests: {
      warm: { query, texts: [...short.slice(0, 4), ...all.slice(0, 1)] },
      short: { query, texts: short },
      long: { query, texts: all.slice(0, counts.long) },
      embed: { query, texts: short },
      all: { query, texts: all },
    },
    source,
  };
}

async function readPool(data: string) {
  const pool = await readTrecDl21(data);
  const query = pool?.queries[0];
  if (pool === undefined || query === undefined) return undefined;
  const candidates = [...new Set(pool.runs.flatMap(({ run }) => run.get(query.id) ?? []).map(({ id }) => id))];
  const passages = candidates.map((id) => pool.documents.get(id) as string);
  return { query: query.text, passages, source: "TREC DL 2021 pool" };
}

/** This repository's own documentation, in pieces of as many words as an MS MARCO passage. */
async function readOwnDocs() {
  const words = 50;
  const files = (await readdir("docs")).filter((file) => file.endsWith(".md")).map((file) => join("docs", file));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const all = texts.join("\n").split(/\s+/);
  const passages = Array.from({ length: Math.floor(all.length / words) }, (_, index) =>
    all.slice(index * words, (index + 1) * words).join(" "),
  );
  return { query: "how are the scores of a long document computed", passages, source: "docs/" };
}

function longText(passages: readonly string[], start: number): string {
  let text = "";
  for (let next = start; text.length < LONG_CHARACTERS; next++) text += `${passages[next % passages.length]} `;
  return text;
}
