import type { Estimate, Evaluation } from "pgvectordb/evaluation";
import type { FirstStageStrength } from "pgvectordb/rerankers";

export interface QualityResult {
  readonly dataset: string;
  readonly firstStage: string;
  /** What a collection would take it for. */
  readonly strength: FirstStageStrength;
  /** nDCG@10 of the same candidates in the best order there is. */
  readonly perfectNdcg: number;
  readonly evaluation: Evaluation;
}

const COLUMNS = ["ndcg@10", "mrr@10", "map", "recall@100"];

export function printResult({ dataset, firstStage, strength, perfectNdcg, evaluation }: QualityResult): void {
  console.log(`\n${dataset}, ${firstStage} (${strength}) first, ${evaluation.queries} queries (mean, 95 % interval)`);
  for (const { name, metrics, differences, latencyMs } of evaluation.stages) {
    const values = COLUMNS.map((column) => `${column} ${format(metrics[column])}`).join("  ");
    console.log(`  ${name.padEnd(24)} ${values}`);
    if (differences === undefined) continue;
    console.log(`  ${"".padEnd(24)} nDCG@10 against the first stage, paired: ${formatSigned(differences["ndcg@10"])}`);
    console.log(
      `  ${"".padEnd(24)} a query takes ${latencyMs.p50.toFixed(0)} ms (p50), ${latencyMs.p95.toFixed(0)} ms (p95)`,
    );
  }
  console.log(`  ${"best order possible".padEnd(24)} ndcg@10 ${perfectNdcg.toFixed(4)}`);
}

/** The result as JSON: everything but the values of single queries. */
export function toJson({ dataset, firstStage, strength, perfectNdcg, evaluation }: QualityResult): object {
  const stages = evaluation.stages.map(({ name, metrics, differences, latencyMs }) => ({
    name,
    metrics,
    differences,
    latencyMs,
  }));
  return { dataset, firstStage, strength, queries: evaluation.queries, perfectNdcg, stages };
}

function format(estimate: Estimate | undefined): string {
  if (estimate === undefined) return "-";
  return `${estimate.mean.toFixed(4)} (${estimate.low.toFixed(3)}..${estimate.high.toFixed(3)})`;
}

function formatSigned(estimate: Estimate | undefined): string {
  if (estimate === undefined) return "-";
  const signed = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
  return `${signed(estimate.mean)} (${signed(estimate.low)}..${signed(estimate.high)})`;
}
