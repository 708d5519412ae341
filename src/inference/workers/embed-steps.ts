import { PgVectorDBError } from "../../errors.ts";
import type { Pooling } from "../compiler/sentence-pooling.ts";
import type { PreparedModel } from "../graphs/prepared-model.ts";
import type { EncodedInput, PairEncoder } from "../inputs/pair-encoder.ts";
import { encodeInBatches } from "../sessions/input-batches.ts";
import type { ModelOutput, ModelSession } from "../sessions/model-session.ts";
import type { Steps } from "./fair-scheduler.ts";
import type { EmbedTask, TextPart } from "./worker-messages.ts";

export interface SentenceModel {
  readonly model: PreparedModel;
  readonly encoder: PairEncoder;
  readonly session: ModelSession;
  readonly pooling: Pooling;
  readonly normalize: boolean;
  readonly outputName: string;
}

/** Finds the output that holds one vector per text, as compiled graphs give it, or per token. @throws PgVectorDBError `model_invalid` */
export function findVectors(session: ModelSession): string {
  if (session.outputDims("embedding")?.length === 2) return "embedding";
  const names = ["last_hidden_state", "token_embeddings", ...session.outputNames];
  const found = names.find((name) => session.outputDims(name)?.length === 3);
  if (found !== undefined) return found;
  throw new PgVectorDBError(
    "model_invalid",
    `The model's ONNX graph gives ${session.outputNames.join(", ")}, and none of them is one vector per token ([batch, tokens, dimensions]).`,
  );
}

/** One vector per text, one batch a step. */
export async function* embed(sentences: SentenceModel, part: TextPart): Steps<EmbedTask["result"]> {
  const { encoder, session, outputName } = sentences;
  const vectors = new Array<Float32Array>(part.texts.length);
  for await (const batch of encodeInBatches(part.texts, (text) => encoder.encodeText(text), sentences)) {
    if (batch === undefined) {
      yield undefined;
      continue;
    }
    const output = await session.run(batch.inputs, outputName);
    batch.positions.forEach((position, row) => {
      const vector = pool(output, row, batch.inputs[row] as EncodedInput, sentences.pooling);
      if (!vector.every(Number.isFinite)) {
        throw new PgVectorDBError(
          "inference_failed",
          `The model gave a non-finite vector for text ${part.positions[position]}.`,
        );
      }
      vectors[position] = sentences.normalize ? toUnitLength(vector) : vector;
    });
  }
  return { vectors };
}

function pool({ data, dims }: ModelOutput, row: number, input: EncodedInput, pooling: Pooling): Float32Array {
  if (dims.length === 2) return data.slice(row * (dims[1] as number), (row + 1) * (dims[1] as number));
  const [, length, dimensions] = dims as [number, number, number];
  const start = row * length * dimensions;
  if (pooling !== "mean") {
    const token = start + (pooling === "cls" ? 0 : input.ids.length - 1) * dimensions;
    return data.slice(token, token + dimensions);
  }
  const sum = new Float64Array(dimensions);
  for (let token = 0; token < input.ids.length; token++) {
    const offset = start + token * dimensions;
    for (let i = 0; i < dimensions; i++) sum[i] = (sum[i] as number) + (data[offset + i] as number);
  }
  return Float32Array.from(sum, (value) => value / input.ids.length);
}

function toUnitLength(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return norm === 0 ? vector : vector.map((value) => value / norm);
}
