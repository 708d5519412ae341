import type { FirstStageStrength, Reranker, RerankFunction } from "../contracts/reranker.ts";
import { withDeadline } from "../deadline.ts";
import { combineWithFirstStage, ranksOf, weightBehind } from "../rerankers/first-stage-prior.ts";
import { toReranker } from "../rerankers/function-reranker.ts";
import type { BootstrapOptions } from "./bootstrap.ts";
import { type Candidate, checkCandidates, type FirstStage, toRetrieve } from "./candidates.ts";
import { checkEvaluateOptions } from "./evaluate-arguments.ts";
import { countRelevant, type Qrels } from "./judgements.ts";
import { type MetricName, metricOf } from "./metric-name.ts";
import { StageRecorder, type StageReport } from "./stage-report.ts";

export interface EvaluationQuery {
  readonly id: string;
  readonly text: string;
}

export type EvaluateOptions = FirstStage & {
  readonly queries: readonly EvaluationQuery[];
  readonly qrels: Qrels;
  /** What to put behind the first stage, by the name it has in the report. Default: none. */
  readonly rerankers?: Readonly<Record<string, Reranker | RerankFunction>> | undefined;
  /**
   * What the first stage is taken for, by rerankers that weigh its order: `"strong"` for what finds by the vectors of an embedder
   * that is not the built-in one, as `rerankSearch` takes it. Default `"modest"`.
   */
  readonly firstStageStrength?: FirstStageStrength | undefined;
  /** How many of the first stage's candidates are reranked; the others follow in their order. Default 100. */
  readonly depth?: number | undefined;
  /** Default `ndcg@10`, `mrr@10`, `map`, `recall@100`, `precision@10` and `hit_rate@10`. */
  readonly metrics?: readonly MetricName[] | undefined;
  /** The lowest grade that counts as relevant, except for nDCG, which uses grades. Default 1. */
  readonly minGrade?: number | undefined;
  /** How the intervals are drawn. */
  readonly bootstrap?: BootstrapOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after every query. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
};

export interface Evaluation {
  /** Queries that count: those with at least one relevant judgement. */
  readonly queries: number;
  /** Queries left out because nothing is judged relevant to them. */
  readonly skipped: number;
  /**
   * The first stage, named `first stage`, then every reranker in the order given. One whose `firstStageWeight` is above 0 is
   * followed by what `rerankSearch` makes of it, named `… with first stage`, at no further scoring.
   */
  readonly stages: readonly StageReport[];
}

export const FIRST_STAGE = "first stage";
/** Ends the name of a reranker whose scores are combined with the first stage's order. */
export const WITH_FIRST_STAGE = " with first stage";

const DEFAULT_METRICS: readonly MetricName[] = [
  "ndcg@10",
  "mrr@10",
  "map",
  "recall@100",
  "precision@10",
  "hit_rate@10",
];

/**
 * Measures a first stage, and the same candidates reranked, side by side.
 *
 * Queries run one after the other, so that times are those of a single caller. A query for which nothing was found
 * counts as 0.
 *
 * @example
 * ```ts
 * const { stages } = await evaluate({ queries, qrels, run, documents, rerankers: { builtin: reranker } });
 * for (const { name, metrics } of stages) console.log(name, metrics["ndcg@10"]);
 * ```
 * @throws PgVectorDBError `invalid_argument`, `invalid_response`, `aborted`, or what a reranker or the first stage throws
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  checkEvaluateOptions(options);
  const { queries, qrels, depth = 100, metrics = DEFAULT_METRICS, minGrade, onProgress } = options;
  const { firstStageStrength = "modest" } = options;
  const retrieve = toRetrieve(options);
  const rerankers = Object.entries(options.rerankers ?? {}).map(([name, value]) => {
    const reranker = toReranker(value);
    const weight = weightBehind(reranker.firstStageWeight, firstStageStrength);
    const combined = weight > 0 ? new StageRecorder(`${name}${WITH_FIRST_STAGE}`) : undefined;
    return { reranker, weight, recorder: new StageRecorder(name), combined };
  });
  const scored = metrics.map((name) => ({ name, metric: metricOf(name, { minGrade }) }));
  const counted = queries.filter(({ id }) => countRelevant(qrels.get(id) ?? new Map(), { minGrade }) > 0);
  const firstStage = new StageRecorder(FIRST_STAGE);

  await withDeadline({ signal: options.signal }, async (signal) => {
    for (const [index, query] of counted.entries()) {
      const judgements = qrels.get(query.id) as ReadonlyMap<string, number>;
      const measure = (ranking: readonly string[]) => scored.map(({ metric }) => metric(ranking, judgements));
      const [candidates, retrievalMs] = await timed(async () =>
        checkCandidates(await retrieve(query.text, { queryId: query.id, signal })),
      );
      firstStage.record(query.id, measure(idsOf(candidates)), retrievalMs);
      const ranks = ranksOf(candidates);
      const rest = candidates.slice(depth);
      for (const { reranker, weight, recorder, combined } of rerankers) {
        const [best, rerankMs] = await timed(() => reranker.rerank(query.text, candidates.slice(0, depth), { signal }));
        recorder.record(query.id, measure(idsOf([...best, ...rest])), rerankMs);
        if (combined === undefined) continue;
        const both = combineWithFirstStage(best, weight, ranks);
        combined.record(query.id, measure(idsOf([...both.map(({ document }) => document), ...rest])), rerankMs);
      }
      onProgress?.({ done: index + 1, total: counted.length });
    }
  });
  const names = scored.map(({ name }) => name);
  const report = (recorder: StageRecorder) => recorder.report(names, firstStage, options.bootstrap);
  return {
    queries: counted.length,
    skipped: queries.length - counted.length,
    stages: [
      firstStage,
      ...rerankers.flatMap(({ recorder, combined }) => (combined ? [recorder, combined] : recorder)),
    ].map(report),
  };
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const startedAt = performance.now();
  return [await work(), performance.now() - startedAt];
}

function idsOf(candidates: readonly Pick<Candidate, "id">[]): string[] {
  return candidates.map(({ id }) => id);
}
