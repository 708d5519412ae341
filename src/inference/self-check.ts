import { PgVectorDBError } from "../errors.ts";

/** One pair that a reranker of any language it was trained on should tell from the other. */
export const CHECK_QUERY = "How many people live in Berlin?";
export const CHECK_TEXTS = [
  "Berlin has about 3.7 million inhabitants and is the most populous city of Germany.",
  "Cut the butter into the flour, add cold water, and let the dough rest in the fridge.",
] as const;

export type WarningListener = (message: string) => void;

/** Scores the texts above. */
type Score = (query: string, texts: readonly string[]) => Promise<readonly number[]>;

/**
 * What is wrong with a model that does not put a relevant passage above an irrelevant one; `undefined` when nothing is.
 * A model that fails while it scores is left to the first call, which names the document.
 */
export async function selfCheck(model: string, score: Score): Promise<string | undefined> {
  let scores: readonly number[];
  try {
    scores = await score(CHECK_QUERY, CHECK_TEXTS);
  } catch (error) {
    if (error instanceof PgVectorDBError && error.code === "inference_failed" && !error.retryable) return undefined;
    throw error;
  }
  const [relevant, irrelevant] = scores as [number, number];
  if (relevant > irrelevant) return undefined;
  const finding =
    relevant === irrelevant
      ? "gives a relevant and an irrelevant passage the same score: it does nothing"
      : "scores an irrelevant passage above a relevant one: it may sort the wrong way round";
  return (
    `The model "${model}" ${finding}. Check that it is a trained reranker, and \`relevantLabel\` and \`prompt\`. ` +
    "The check is in English; for a model of another language alone, switch it off with `selfCheck: false`."
  );
}

/** Where warnings go that nobody listens for. */
export function emitProcessWarning(message: string): void {
  process.emitWarning(message, { type: "PgVectorDBWarning", code: "PGVECTORDB_MODEL_CHECK" });
}
