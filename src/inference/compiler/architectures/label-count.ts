import { PgVectorDBError } from "../../../errors.ts";
import type { EncoderContext } from "../encoder-context.ts";

/** How many logits the head gives, read from the tensor itself: config.json often leaves it out. */
export function labelCount({ checkpoint }: Pick<EncoderContext, "checkpoint">, head: string): number {
  const labels = checkpoint.shapeOf(`${head}.weight`)?.[0];
  if (labels !== undefined && labels > 0) return labels;
  throw new PgVectorDBError(
    "model_invalid",
    `The checkpoint has no tensor "${head}.weight": it has no sequence-classification head, so it cannot rerank. ` +
      "Choose a cross-encoder, or use this model as an embedder.",
  );
}
