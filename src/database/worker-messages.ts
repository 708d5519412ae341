import type { DatabaseFailure } from "./database-failure.ts";

export interface WorkerSettings {
  /** Folder of the Postgres cluster; `undefined` keeps it in memory. */
  readonly dataDirectory: string | undefined;
}

/** To the worker. It answers requests in the order in which they came. */
export type WorkerRequest =
  | { readonly id: number; readonly kind: "query"; readonly text: string; readonly values: readonly unknown[] }
  | { readonly id: number; readonly kind: "close" };

/** From the worker. Id 0 says whether the database could be opened. */
export type WorkerReply =
  | { readonly id: number; readonly rows: readonly object[] }
  | { readonly id: number; readonly failure: DatabaseFailure };
