import type { Embedder } from "pgvectordb/embedders";
import { type EvaluationQuery, evaluate, type Qrels, type Run, type RunEntry } from "pgvectordb/evaluation";
import type { Dataset } from "./quality-datasets.ts";

const CANDIDATES = 100;

/** The run of an embedder by exact search: every document is compared with every query. */
export async function embeddingRun(
  embedder: Embedder,
  queries: readonly EvaluationQuery[],
  documents: ReadonlyMap<string, string>,
): Promise<Run> {
  const ids = [...documents.keys()];
  const vectors = await embedder.embedDocuments([...documents.values()]);
  const run = new Map<string, RunEntry[]>();
  for (const { id, text } of queries) {
    const query = await embedder.embedQuery(text);
    const scored = ids.map((document, index) => ({ id: document, score: cosine(query, vectors[index] ?? []) }));
    run.set(id, best(scored));
  }
  return run;
}

export interface WeighedRun {
  readonly run: Run;
  readonly weight: number;
}

/** Reciprocal rank fusion: the sum of weight / (60 + rank). Cormack, Clarke and Büttcher, SIGIR 2009. */
export function fuseRuns(runs: readonly WeighedRun[]): Run {
  const fused = new Map<string, RunEntry[]>();
  for (const query of new Set(runs.flatMap(({ run }) => [...run.keys()]))) {
    const scores = new Map<string, number>();
    for (const { run, weight } of runs) {
      for (const [index, { id }] of (run.get(query) ?? []).entries()) {
        scores.set(id, (scores.get(id) ?? 0) + weight / (60 + index + 1));
      }
    }
    fused.set(query, best([...scores].map(([id, score]) => ({ id, score }))));
  }
  return fused;
}

/** The same candidates in the order of their judgements: what no reranker can pass. */
export function perfectRun(run: Run, qrels: Qrels): Run {
  return new Map(
    [...run].map(([query, entries]) => {
      const judged = entries.map(({ id }) => ({ id, score: qrels.get(query)?.get(id) ?? 0 }));
      return [query, judged.sort((a, b) => b.score - a.score)];
    }),
  );
}

/** nDCG@10 of a run, over the first `limit` queries. */
export async function ndcgOf(dataset: Dataset, run: Run, limit?: number): Promise<number> {
  const { qrels, documents } = dataset;
  const queries = dataset.queries.slice(0, limit);
  const { stages } = await evaluate({
    queries,
    qrels,
    documents,
    run,
    metrics: ["ndcg@10"],
    bootstrap: { samples: 1 },
  });
  return stages[0]?.metrics["ndcg@10"]?.mean ?? Number.NaN;
}

function best(entries: RunEntry[]): RunEntry[] {
  return entries.sort((a, b) => b.score - a.score || (a.id < b.id ? 1 : -1)).slice(0, CANDIDATES);
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, squaresA, squaresB] = [0, 0, 0];
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index] ?? 0, b[index] ?? 0];
    product += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  return product / Math.sqrt(squaresA * squaresB);
}
