import type { TruncatedPair } from "../contracts/reranker.ts";
import { PgVectorDBError } from "../errors.ts";
import { type ClassificationHead, scoreOf } from "./classification-head.ts";
import type { Steps } from "./fair-scheduler.ts";
import { encodeInBatches } from "./input-batches.ts";
import type { OnnxSession } from "./onnx-session.ts";
import type { PairEncoder } from "./pair-encoder.ts";
import type { PreparedModel } from "./prepare-model.ts";
import type { ClassifyTask } from "./worker-messages.ts";

export interface Classifier {
  readonly model: PreparedModel;
  readonly encoder: PairEncoder;
  readonly session: OnnxSession;
  readonly head: ClassificationHead;
  readonly outputName: string;
}

/** Finds the output that holds the logits. @throws PgVectorDBError `model_invalid` for a model that does not classify */
export function findLogits(session: OnnxSession, head: ClassificationHead): string {
  const outputName = session.outputNames.includes("logits") ? "logits" : (session.outputNames[0] as string);
  const dims = session.outputDims(outputName);
  const labels = dims?.at(-1);
  if (dims?.length !== 2 || (typeof labels === "number" && labels !== head.labelCount)) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model's ONNX graph gives \`${outputName}\` of shape [${dims?.join(", ")}]; a reranker with ` +
        `${head.labelCount} label(s) in config.json gives logits of shape [batch, ${head.labelCount}].`,
    );
  }
  return outputName;
}

/** Scores every text against the query, one batch a step. */
export async function* classify(
  classifier: Classifier,
  request: ClassifyTask["request"],
): Steps<ClassifyTask["result"]> {
  const encode = await classifier.encoder.forQuery(request.query);
  const logits = new Array<number>(request.texts.length);
  const truncated: TruncatedPair[] = [];
  const placeOf = (position: number) => request.positions?.[position] ?? position;
  let tokens = 0;
  for await (const batch of encodeInBatches(request.texts, encode, classifier)) {
    if (batch !== undefined) {
      const scores = await scoreBatch(classifier, batch.inputs);
      batch.positions.forEach((position, i) => {
        const { ids, removed } = batch.inputs[i] as (typeof batch.inputs)[number];
        logits[position] = checkedScore(scores[i] as number, placeOf(position));
        tokens += ids.length;
        if (removed.query + removed.document > 0) {
          truncated.push({
            index: placeOf(position),
            documentTokens: removed.document,
            queryTokens: removed.query,
          });
        }
      });
    }
    yield undefined;
  }
  return { logits, truncated: truncated.sort((a, b) => a.index - b.index), tokens };
}

async function scoreBatch(
  { session, head, outputName }: Classifier,
  inputs: Parameters<OnnxSession["run"]>[0],
): Promise<number[]> {
  const { data, dims } = await session.run(inputs, outputName);
  if (dims.length !== 2 || dims[0] !== inputs.length || dims[1] !== head.labelCount) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model gave logits of shape [${dims.join(", ")}] where [${inputs.length}, ${head.labelCount}] was expected.`,
    );
  }
  return inputs.map((_, row) => scoreOf(data.subarray(row * head.labelCount, (row + 1) * head.labelCount), head));
}

function checkedScore(score: number, index: number): number {
  if (Number.isFinite(score)) return score;
  throw new PgVectorDBError("inference_failed", `The model gave ${score} as the score of document ${index}.`);
}
