import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import {
  type EvaluationQuery,
  type Qrels,
  type Run,
  readBeirCorpus,
  readBeirQrels,
  readBeirQueries,
  readTrecQrels,
  readTrecRun,
} from "pgvectordb/evaluation";

export interface Dataset {
  readonly name: string;
  readonly queries: readonly EvaluationQuery[];
  readonly qrels: Qrels;
  /** Texts by document id. */
  readonly documents: ReadonlyMap<string, string>;
  readonly runs: readonly DatasetRun[];
}

export interface DatasetRun {
  readonly name: string;
  readonly run: Run;
  /** What a collection that finds so would take it for. Default `modest`. */
  readonly strength?: "strong";
  /** What others measured for this run, where they did. */
  readonly expectedNdcg?: number;
}

/** BEIR SciFact, test queries, with a BM25 run. */
export async function readSciFact(root: string): Promise<Dataset | undefined> {
  const folder = join(root, "scifact");
  if (!existsSync(folder)) return undefined;
  const corpus = await readBeirCorpus(join(folder, "corpus.jsonl.gz"));
  return {
    name: "SciFact",
    queries: await readBeirQueries(join(folder, "queries.jsonl.gz")),
    qrels: await readBeirQrels(join(folder, "qrels.tsv.gz")),
    documents: new Map(corpus.map(({ id, title, text }) => [id, `${title} ${text}`.trim()])),
    runs: [{ name: "BM25", run: await readTrecRun(join(folder, "bm25-top100.trec.gz")), expectedNdcg: 0.669 }],
  };
}

interface PoolLine {
  readonly qid: string;
  readonly query: string;
  readonly candidates: readonly {
    readonly docid: string;
    readonly text: string;
    readonly ranks: Readonly<Record<string, number | undefined>>;
  }[];
}

/** The TREC Deep Learning 2021 passage pool: the top 100 of two first stages. */
export async function readTrecDl21(root: string): Promise<Dataset | undefined> {
  const folder = join(root, "trec-dl21");
  if (!existsSync(folder)) return undefined;
  const queries: EvaluationQuery[] = [];
  const documents = new Map<string, string>();
  const pool: PoolLine[] = [];
  const lines = createInterface(createReadStream(join(folder, "pool.jsonl.gz")).pipe(createGunzip()));
  for await (const line of lines) {
    const entry: PoolLine = JSON.parse(line);
    pool.push(entry);
    queries.push({ id: entry.qid, text: entry.query });
    for (const { docid, text } of entry.candidates) documents.set(docid, text);
  }
  return {
    name: "TREC DL 2021 pool",
    queries,
    documents,
    qrels: await readTrecQrels(join(folder, "qrels.txt.gz")),
    runs: [
      { name: "BM25", run: runOf(pool, "BM25"), expectedNdcg: 0.4458 },
      // A learned encoder of its own: an embedder that is not the built-in one, as a collection sees it.
      { name: "SPLADE++", run: runOf(pool, "SPLADE_P_P_ENSEMBLE_DISTIL"), strength: "strong", expectedNdcg: 0.6839 },
    ],
  };
}

function runOf(pool: readonly PoolLine[], system: string): Run {
  return new Map(
    pool.map(({ qid, candidates }) => {
      const ranked = candidates.flatMap(({ docid, ranks }) => {
        const rank = ranks[system];
        return rank == null ? [] : [{ id: docid, score: -rank }];
      });
      return [qid, ranked.sort((a, b) => b.score - a.score)];
    }),
  );
}
