import { readFile } from "node:fs/promises";
import { PgVectorDB } from "pgvectordb";
import type { RunEntry } from "pgvectordb/evaluation";
import { collectMarkdown } from "#demo/collect-markdown";
import { type Passage, toPassages } from "#demo/demo-index";
import type { Dataset, DatasetRun } from "./quality-datasets.ts";

const QUESTIONS = "bench/demo-questions/questions.jsonl";
const CANDIDATES = 100;

interface JudgedQuestion {
  readonly id: string;
  readonly question: string;
  readonly relevant: readonly { readonly path: string; readonly contains: string; readonly grade: number }[];
}

/** The demo's own pipeline on its judged questions: the first stage is the demo's hybrid search, over the installed packages' documents. */
export async function readDemoQuestions(): Promise<Dataset> {
  const lines = (await readFile(QUESTIONS, "utf8")).trim().split("\n");
  const questions = lines.map((line) => JSON.parse(line) as JudgedQuestion);
  // This checkout's own documentation came after the judgements.
  const documents = (await collectMarkdown(process.cwd())).filter(({ packageName }) => packageName !== undefined);
  const passages = toPassages(documents);
  const run = await hybridRun(passages, questions);
  return {
    name: "Demo questions",
    queries: questions.map(({ id, question }) => ({ id, text: question })),
    qrels: new Map(questions.map((question) => [question.id, judge(question, passages)])),
    documents: new Map(passages.map(({ id, content }) => [id, content])),
    runs: [{ name: "hybrid search", run }],
  };
}

/** A passage is relevant if it is of the named document and contains the phrase; of several phrases the best grade counts. */
function judge({ id, relevant }: JudgedQuestion, passages: readonly Passage[]): ReadonlyMap<string, number> {
  const grades = new Map<string, number>();
  for (const { path, contains, grade } of relevant) {
    const found = passages.filter(({ content, metadata }) => metadata.source === path && content.includes(contains));
    if (found.length === 0) console.error(`${id}: no passage of ${path} contains "${contains}"`);
    for (const passage of found) grades.set(passage.id, Math.max(grade, grades.get(passage.id) ?? 0));
  }
  return grades;
}

async function hybridRun(
  passages: readonly Passage[],
  questions: readonly JudgedQuestion[],
): Promise<DatasetRun["run"]> {
  await using db = await PgVectorDB.open({ url: "memory://" });
  const collection = await db.collection<Passage["metadata"]>("markdown");
  await collection.addDocuments(passages);
  const run = new Map<string, readonly RunEntry[]>();
  for (const { id, question } of questions) {
    const { hits } = await collection.hybridSearch(question, { k: CANDIDATES });
    run.set(
      id,
      hits.map((hit) => ({ id: hit.id, score: hit.score })),
    );
  }
  return run;
}
