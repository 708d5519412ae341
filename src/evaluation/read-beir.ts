import type { Qrels } from "./judgements.ts";
import { badLine, type ReadOptions, readLines } from "./read-lines.ts";

export interface BeirDocument {
  readonly id: string;
  /** Empty when the collection has no titles. */
  readonly title: string;
  readonly text: string;
}

export interface BeirQuery {
  readonly id: string;
  readonly text: string;
}

/**
 * Reads a BEIR `corpus.jsonl`, lines of `{ "_id", "title", "text" }`; gzipped or not.
 *
 * @throws PgVectorDBError `invalid_argument` with the line's number; `aborted`
 */
export async function readBeirCorpus(path: string, options: ReadOptions = {}): Promise<BeirDocument[]> {
  const documents: BeirDocument[] = [];
  await readLines(path, options, (line, lineNumber) => {
    const { _id: id, title = "", text } = parseObject(line);
    if (typeof id !== "string" || typeof title !== "string" || typeof text !== "string") {
      throw badLine(path, lineNumber, "a JSON object with the strings `_id`, `text` and, if any, `title`");
    }
    documents.push({ id, title, text });
  });
  return documents;
}

/**
 * Reads a BEIR `queries.jsonl`, lines of `{ "_id", "text" }`; gzipped or not.
 *
 * @throws PgVectorDBError `invalid_argument` with the line's number; `aborted`
 */
export async function readBeirQueries(path: string, options: ReadOptions = {}): Promise<BeirQuery[]> {
  const queries: BeirQuery[] = [];
  await readLines(path, options, (line, lineNumber) => {
    const { _id: id, text } = parseObject(line);
    if (typeof id !== "string" || typeof text !== "string") {
      throw badLine(path, lineNumber, "a JSON object with the strings `_id` and `text`");
    }
    queries.push({ id, text });
  });
  return queries;
}

/**
 * Reads BEIR judgements, a header and lines of query id, document id and grade between tabs; gzipped or not.
 *
 * @throws PgVectorDBError `invalid_argument` with the line's number; `aborted`
 */
export async function readBeirQrels(path: string, options: ReadOptions = {}): Promise<Qrels> {
  const qrels = new Map<string, Map<string, number>>();
  await readLines(path, options, (line, lineNumber) => {
    const [query = "", document = "", gradeText = "", ...rest] = line.split("\t");
    const grade = gradeText.trim() === "" ? Number.NaN : Number(gradeText);
    if (lineNumber === 1 && Number.isNaN(grade) && gradeText !== "") return;
    if (query === "" || document === "" || rest.length > 0 || !Number.isInteger(grade)) {
      throw badLine(path, lineNumber, "query id, document id and an integer grade between tabs");
    }
    const judgements = qrels.get(query) ?? new Map<string, number>();
    qrels.set(query, judgements.set(document, grade));
  });
  return qrels;
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    // The parser's message quotes the line, which holds a document; the caller reports the line's number.
    return {};
  }
}
