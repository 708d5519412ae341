/** A document that a search returned for a query. */
export interface RunEntry {
  readonly id: string;
  /** Higher is better. */
  readonly score: number;
}

/** What a search returned, best first, by query id. */
export type Run = ReadonlyMap<string, readonly RunEntry[]>;
