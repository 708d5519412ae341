import type { Estimate, Evaluation } from "../../evaluation/index.ts";

export interface MethodEvaluation {
  readonly method: string;
  readonly evaluation: Evaluation;
}

/** A table for each first stage: its own figures, and every reranker's with what it changed. */
export function formatEvaluations(evaluations: readonly MethodEvaluation[]): string {
  return evaluations.map(formatEvaluation).join("\n");
}

/** The same with every query's values, as plain data. */
export function toJson(evaluations: readonly MethodEvaluation[]): object[] {
  return evaluations.map(({ method, evaluation: { stages, ...counts } }) => ({
    method,
    ...counts,
    stages: stages.map(({ perQuery, ...stage }) => ({ ...stage, perQuery: Object.fromEntries(perQuery) })),
  }));
}

function formatEvaluation({ method, evaluation: { queries, skipped, stages } }: MethodEvaluation): string {
  const names = Object.keys(stages[0]?.metrics ?? {});
  const header = ["stage", ...names, "ms p50", "p95"];
  const rows = stages.map(({ name, metrics, differences, latencyMs }) => [
    name,
    ...names.map((metric) => cell(metrics[metric], differences?.[metric])),
    latencyMs.p50.toFixed(1),
    latencyMs.p95.toFixed(1),
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = [header, ...rows].map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const left = skipped === 0 ? "" : `, ${skipped} left out: nothing is judged relevant to them`;
  return `${method}: ${queries} queries${left}\n${lines.join("\n")}\n`;
}

/** The mean, and in brackets the interval of what reranking changed; an interval without 0 is a difference. */
function cell(value: Estimate | undefined, difference: Estimate | undefined): string {
  if (value === undefined) return "";
  const mean = value.mean.toFixed(4);
  if (difference === undefined) return mean;
  return `${mean} [${signed(difference.low)}, ${signed(difference.high)}]`;
}

function signed(value: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
}
