import type { Embedder } from "../contracts/embedder.ts";
import type { FirstStageStrength } from "../contracts/reranker.ts";

/**
 * What a search is taken for as a first stage. Nobody knows how good an embedder is on a collection that has no judged queries. One
 * that says it counts less than keywords is modest, as they are; any other may be better than a small reranker.
 *
 * @param embedder the collection's; none is modest
 */
export function firstStageStrength(
  { method, semanticWeight }: { readonly method: string; readonly semanticWeight: number },
  embedder: Pick<Embedder, "hybridWeight"> | undefined,
): FirstStageStrength {
  if (embedder === undefined || (embedder.hybridWeight ?? 1) < 1) return "modest";
  if (method === "semantic") return "strong";
  return (method === "hybrid" || method === "multimodal") && semanticWeight > 0 ? "strong" : "modest";
}
