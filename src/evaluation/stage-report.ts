import { type BootstrapOptions, bootstrap, type Estimate, pairedBootstrap } from "./bootstrap.ts";
import type { MetricName } from "./metric-name.ts";

export interface StageReport {
  readonly name: string;
  /** The mean over queries, with its bootstrap interval. */
  readonly metrics: Readonly<Record<string, Estimate>>;
  /** How much better than the first stage, query by query, with its bootstrap interval. Absent for the first stage. */
  readonly differences?: Readonly<Record<string, Estimate>>;
  /** Every metric by query id. */
  readonly perQuery: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** What the stage took for a query, in milliseconds: the median and the time that 95 of 100 queries stay within. */
  readonly latencyMs: { readonly p50: number; readonly p95: number };
}

/** Collects one stage's values and times, query by query. */
export class StageRecorder {
  readonly name: string;
  readonly #values = new Map<string, readonly number[]>();
  readonly #durations: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** @param values one per metric, in the order that `report` gets their names */
  record(queryId: string, values: readonly number[], durationMs: number): void {
    this.#values.set(queryId, values);
    this.#durations.push(durationMs);
  }

  report(names: readonly MetricName[], firstStage: StageRecorder, options: BootstrapOptions | undefined): StageReport {
    const estimates = names.map((name, index) => [name, bootstrap(this.#column(index), options)] as const);
    const differences = names.map((name, index) => {
      return [name, pairedBootstrap(firstStage.#column(index), this.#column(index), options)] as const;
    });
    const durations = this.#durations.toSorted((a, b) => a - b);
    return {
      name: this.name,
      metrics: Object.fromEntries(estimates),
      ...(this === firstStage ? {} : { differences: Object.fromEntries(differences) }),
      perQuery: new Map(
        [...this.#values].map(([id, values]) => [
          id,
          Object.fromEntries(names.map((name, i) => [name, values[i] ?? 0])),
        ]),
      ),
      latencyMs: { p50: quantile(durations, 0.5), p95: quantile(durations, 0.95) },
    };
  }

  #column(index: number): number[] {
    return [...this.#values.values()].map((values) => values[index] as number);
  }
}

/** The smallest value that the given share does not exceed. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
