import type { RerankUsage } from "../contracts/reranker.ts";

type Counter = Exclude<keyof RerankUsage, "documents" | "durationMs">;

/** What one rerank has cost so far. A backend adds to it as it goes, so that a failed attempt is counted too. */
export class UsageMeter {
  readonly #totals: { -readonly [Name in Counter]?: number } = {};

  /** Adds to the totals; `undefined` means unknown and adds nothing. */
  add(cost: { readonly [Name in Counter]?: number | undefined }): void {
    for (const [name, amount] of Object.entries(cost) as [Counter, number | undefined][]) {
      if (amount !== undefined) this.#totals[name] = (this.#totals[name] ?? 0) + amount;
    }
  }

  get totals(): Partial<RerankUsage> {
    return { ...this.#totals };
  }
}
