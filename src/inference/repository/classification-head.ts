import { PgVectorDBError } from "../../errors.ts";

/** How a model's logits become one score. */
export interface ClassificationHead {
  /** Logits per pair. */
  readonly labelCount: number;
  /** The label that means "relevant". With one label there is nothing to choose. */
  readonly relevant: number;
}

/**
 * Chooses the label that scores a pair: the only one, the second of two (the usual "relevant"), or the one named.
 *
 * @throws PgVectorDBError `model_invalid` for more than two labels and no name; `invalid_argument` for a name that is none of them
 */
export function chooseHead(labels: readonly string[], relevantLabel: string | undefined): ClassificationHead {
  const names = labels.map((label) => `"${label}"`).join(", ");
  if (relevantLabel !== undefined) {
    const relevant = findLabel(labels, relevantLabel);
    if (relevant < 0) {
      throw new PgVectorDBError(
        "invalid_argument",
        `\`relevantLabel\` is none of the model's labels. They are: ${names}.`,
      );
    }
    return { labelCount: labels.length, relevant };
  }
  if (labels.length === 0) throw new PgVectorDBError("model_invalid", "The model's config.json lists no labels.");
  if (labels.length > 2) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model sorts pairs into ${labels.length} labels (${names}) instead of scoring their relevance. ` +
        "Name the one that means relevant in `relevantLabel`, or use a reranker model.",
    );
  }
  return { labelCount: labels.length, relevant: labels.length - 1 };
}

/**
 * One score from the logits of a pair: the logit of the only label, or the log-odds of the relevant label against the
 * others, `logit - log(sum(exp(others)))`, which for two labels is the difference of the two logits.
 */
export function scoreOf(logits: ArrayLike<number>, head: ClassificationHead): number {
  const relevant = logits[head.relevant] as number;
  if (head.labelCount === 1) return relevant;
  let largest = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (let label = 0; label < head.labelCount; label++) {
    if (label !== head.relevant) largest = Math.max(largest, logits[label] as number);
  }
  for (let label = 0; label < head.labelCount; label++) {
    if (label !== head.relevant) sum += Math.exp((logits[label] as number) - largest);
  }
  return relevant - (largest + Math.log(sum));
}

function findLabel(labels: readonly string[], name: string): number {
  const exact = labels.indexOf(name);
  return exact >= 0 ? exact : labels.findIndex((label) => label.toLowerCase() === name.toLowerCase());
}
