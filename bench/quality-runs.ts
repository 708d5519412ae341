import { evaluate, type Qrels, type Run } from "pgvectordb/evaluation";
import type { Dataset } from "./quality-datasets.ts";

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
