import type { DemoHit, DemoResult } from "./demo-result.ts";

const MIN_COLUMN = 38;
const SNIPPET_LINES = 2;

/** The demo's answer for a reader: first stage beside reranked, then the best passage. */
export function formatDemoResult(result: DemoResult, columns = 120): string {
  const sideBySide = columns >= 2 * MIN_COLUMN + 3;
  const width = sideBySide ? Math.min(Math.floor((columns - 3) / 2), 76) : Math.max(columns, MIN_COLUMN);
  const left = [
    `FIRST STAGE  hybrid, ${result.candidates.returned} candidates, ${milliseconds(result.timings.retrievalMs + result.timings.embedMs)}`,
    "",
    ...result.firstStage.flatMap((hit) => formatHit(hit, hit.firstStage.rank, width)),
  ];
  const right = [
    `RERANKED  ${result.reranker}, ${milliseconds(result.timings.rerankMs)}`,
    "",
    ...result.reranked.flatMap((hit) => formatHit(hit, hit.rerank.rank, width)),
  ];
  const body = sideBySide ? joinColumns(left, right, width) : [...left, "", ...right];
  const { timings, corpus } = result;
  return [
    `Question: ${result.question}`,
    "",
    ...body,
    ...bestPassage(result),
    `${corpus.documents} documents, ${corpus.passages} passages (${corpus.written} written now).`,
    `Time: open ${milliseconds(timings.openMs)}, index ${milliseconds(timings.indexMs)}, embed ${milliseconds(timings.embedMs)}, ` +
      `retrieve ${milliseconds(timings.retrievalMs)}, rerank ${milliseconds(timings.rerankMs)}; ` +
      `question to answer ${milliseconds(timings.answerMs)}.`,
    "",
  ].join("\n");
}

function formatHit(hit: DemoHit, rank: number, width: number): string[] {
  const scores = `${rank}. rerank ${hit.rerank.score.toFixed(4)}  first stage ${hit.firstStage.score.toFixed(4)}  ${movement(hit)}`;
  const title = [hit.source, ...hit.headings].join(" > ");
  return [scores, `   ${cut(title, width - 3)}`, ...snippet(hit.content, width - 3).map((line) => `   ${line}`), ""];
}

function movement({ moved, firstStage, rerank }: DemoHit): string {
  if (moved === 0) return "stayed";
  return `${moved > 0 ? "up" : "down"} ${Math.abs(moved)} (${firstStage.rank} -> ${rerank.rank})`;
}

function bestPassage({ reranked: [best] }: DemoResult): string[] {
  if (best === undefined) return ["Nothing was found.", ""];
  return ["BEST PASSAGE", "", ...best.content.split("\n").map((line) => `  ${line}`), ""];
}

function snippet(content: string, width: number): string[] {
  const lines: string[] = [];
  let rest = content.replace(/\s+/g, " ").trim();
  while (rest !== "" && lines.length < SNIPPET_LINES) {
    const isLast = lines.length === SNIPPET_LINES - 1;
    const line = isLast ? cut(rest, width) : rest.slice(0, width);
    lines.push(line);
    rest = rest.slice(width).trimStart();
  }
  return lines;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function joinColumns(left: readonly string[], right: readonly string[], width: number): string[] {
  const rows = Math.max(left.length, right.length);
  return Array.from({ length: rows }, (_, row) => `${(left[row] ?? "").padEnd(width)} | ${right[row] ?? ""}`.trimEnd());
}

function milliseconds(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`;
}
