import type { Qrels } from "./judgements.ts";
import { badLine, type ReadOptions, readLines } from "./read-lines.ts";
import type { Run, RunEntry } from "./run.ts";

/**
 * Reads TREC judgements, lines of `query iteration document grade`; gzipped or not.
 *
 * @throws PgVectorDBError `invalid_argument` with the line's number; `aborted`
 */
export async function readTrecQrels(path: string, options: ReadOptions = {}): Promise<Qrels> {
  const qrels = new Map<string, Map<string, number>>();
  await readLines(path, options, (line, lineNumber) => {
    const [query, , document, gradeText, ...rest] = line.trim().split(/\s+/);
    const grade = Number(gradeText);
    if (query === undefined || document === undefined || gradeText === undefined || rest.length > 0) {
      throw badLine(path, lineNumber, "`query iteration document grade`");
    }
    if (!Number.isInteger(grade)) throw badLine(path, lineNumber, "an integer grade");
    entryOf(qrels, query, () => new Map<string, number>()).set(document, grade);
  });
  return qrels;
}

/**
 * Reads a TREC run, lines of `query Q0 document rank score tag`; gzipped or not.
 *
 * As trec_eval does, it orders by score and, where scores are equal, by document id from the last to the first; the rank
 * column does not count.
 *
 * @throws PgVectorDBError `invalid_argument` with the line's number; `aborted`
 */
export async function readTrecRun(path: string, options: ReadOptions = {}): Promise<Run> {
  const run = new Map<string, RunEntry[]>();
  await readLines(path, options, (line, lineNumber) => {
    const [query, , id, , scoreText, ...rest] = line.trim().split(/\s+/);
    const score = Number(scoreText);
    if (query === undefined || id === undefined || scoreText === undefined || rest.length > 1) {
      throw badLine(path, lineNumber, "`query Q0 document rank score tag`");
    }
    if (!Number.isFinite(score)) throw badLine(path, lineNumber, "a score that is a number");
    entryOf(run, query, (): RunEntry[] => []).push({ id, score });
  });
  for (const entries of run.values()) entries.sort((a, b) => b.score - a.score || (a.id < b.id ? 1 : -1));
  return run;
}

function entryOf<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const existing = map.get(key);
  if (existing !== undefined) return existing;
  const fresh = create();
  map.set(key, fresh);
  return fresh;
}
