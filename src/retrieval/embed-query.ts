import { invalidArgument } from "../check-options.ts";
import type { SearchContext } from "../collection-context.ts";
import type { Embedder, Vector } from "../contracts/embedder.ts";
import { embedQuery } from "../embed-texts.ts";
import type { RetrievalPlan } from "./search-options.ts";

/** The vectors that a search compares with. */
export interface QueryVectors {
  /** For the content; `undefined` where the method asks nothing of it. */
  readonly content: Vector | undefined;
  /** For text spaces, by name. */
  readonly spaces: ReadonlyMap<string, Vector>;
}

/** Embeds what the method needs; the same text for the same embedder once. */
export async function embedQueries(
  { embedder, textSpaces = [] }: SearchContext,
  query: string,
  plan: RetrievalPlan,
  signal: AbortSignal,
): Promise<QueryVectors> {
  const made = new Map<Embedder, Map<string, Promise<Vector>>>();
  const embed = (using: Embedder, text: string): Promise<Vector> => {
    const texts = made.get(using) ?? new Map<string, Promise<Vector>>();
    const vector = texts.get(text) ?? embedQuery(using, text, signal);
    made.set(using, texts.set(text, vector));
    return vector;
  };
  const wanted = plan.spaces.flatMap((asked) => {
    const space = asked.kind === "text" ? textSpaces.find(({ name }) => name === asked.name) : undefined;
    return asked.kind === "text" && space !== undefined ? [{ space, text: asked.value ?? query }] : [];
  });
  const [content, ...vectors] = await Promise.all([
    comparesContent(plan) ? embed(contentEmbedder(embedder), query) : undefined,
    ...wanted.map(({ space, text }) => embed(space.embedder, text)),
  ]);
  return { content, spaces: new Map(wanted.map(({ space }, index) => [space.name, vectors[index] as Vector])) };
}

function contentEmbedder(embedder: Embedder | undefined): Embedder {
  if (embedder !== undefined) return embedder;
  throw invalidArgument(
    'The table was attached without `embedding`: it can be searched by `method: "keyword"` and "trigram" only.',
  );
}

/** Whether the search compares vectors at all, so that a vector index may shorten it. */
export function comparesVectors(plan: RetrievalPlan): boolean {
  return comparesContent(plan) || plan.spaces.some(({ kind }) => kind === "text");
}

export function comparesContent({ method, semanticWeight }: RetrievalPlan): boolean {
  return method === "semantic" || method === "hybrid" || (method === "multimodal" && semanticWeight > 0);
}

/** Whether the search needs the keyword index. */
export function asksKeywords({ method, keywordWeight }: RetrievalPlan): boolean {
  return method === "keyword" || method === "hybrid" || (method === "multimodal" && keywordWeight > 0);
}
