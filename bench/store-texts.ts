import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { collectMarkdown } from "#demo/collect-markdown";
import { toPassages } from "#demo/demo-index";

export interface Texts {
  readonly source: string;
  /** Different from each other. */
  readonly passages: readonly string[];
  readonly queries: readonly string[];
}

/** Real passages with questions about them: pairs of a question and a passage where they are at hand, else the demo's text. */
export async function readTexts(pairsPath: string, count: number): Promise<Texts> {
  if (existsSync(pairsPath)) return readPairs(pairsPath, count);
  const documents = await collectMarkdown(process.cwd());
  const passages = [...new Set(toPassages(documents).map(({ content }) => content))].slice(0, count);
  const queries = passages.map((text) => text.split(/\s+/).slice(3, 12).join(" ")).filter((text) => text !== "");
  return { source: `Markdown of ${join(process.cwd())} and its packages`, passages, queries };
}

async function readPairs(path: string, count: number): Promise<Texts> {
  const passages = new Set<string>();
  const queries = new Set<string>();
  const lines = createInterface({ input: createReadStream(path).pipe(createGunzip()) });
  for await (const line of lines) {
    const { q, p } = JSON.parse(line) as { q: string; p: string };
    if (p.trim() === "" || q.trim() === "") continue;
    passages.add(p);
    queries.add(q);
    if (passages.size === count) break;
  }
  return { source: path, passages: [...passages], queries: [...queries] };
}
