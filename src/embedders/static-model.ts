import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PgVectorDBError } from "../errors.ts";
import { openSafetensors, type SafetensorsSource } from "../inference/safetensors/open-safetensors.ts";
import { WordPieceTokenizer } from "../tokenizers/wordpiece-tokenizer.ts";
import type { StaticModelConfig } from "./static-model-config.ts";

/** One vector per token, as signed bytes with a scale each. */
export interface StaticModel {
  readonly tokenizer: WordPieceTokenizer;
  /** Row-major: the vector of token `id` starts at `id * dimensions`. */
  readonly embeddings: Int8Array;
  /** `scales[id]` times the bytes of token `id` is its vector. */
  readonly scales: Float32Array;
}

/**
 * Reads `tokenizer.json` and `model.safetensors` of a static model's folder.
 *
 * @throws PgVectorDBError `model_not_found`, `model_invalid`
 */
export async function loadStaticModel(folder: string, { dimensions }: StaticModelConfig): Promise<StaticModel> {
  const tokenizer = await loadTokenizer(folder);
  const source = await openSafetensors(join(folder, "model.safetensors"));
  try {
    const tokens = source.tensors.get("scales")?.shape[0] ?? 0;
    const embeddings = await readTensor(source, folder, "embeddings", "I8", [tokens, dimensions]);
    const scales = await readTensor(source, folder, "scales", "F32", [tokens]);
    if (tokenizer.idCount > tokens) {
      throw invalid(
        folder,
        `its tokenizer has ids up to ${tokenizer.idCount - 1} but only ${tokens} tokens have a vector`,
      );
    }
    const model = { tokenizer, embeddings: new Int8Array(embeddings), scales: new Float32Array(scales) };
    if (!model.scales.every(Number.isFinite)) throw invalid(folder, "a scale is not a finite number");
    return model;
  } finally {
    await source.close();
  }
}

async function loadTokenizer(folder: string): Promise<WordPieceTokenizer> {
  const path = join(folder, "tokenizer.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new PgVectorDBError("model_not_found", `The static embedder looked for ${path} and could not read it.`, {
      cause,
    });
  }
  const tokenizer = WordPieceTokenizer.fromJson(parseJson(text, folder));
  if (tokenizer === undefined) throw invalid(folder, "its tokenizer.json is not a BERT WordPiece tokenizer");
  return tokenizer;
}

function parseJson(text: string, folder: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(folder, "its tokenizer.json is not JSON", cause);
  }
}

/** The bytes of a tensor, in a buffer of their own. */
async function readTensor(
  source: SafetensorsSource,
  folder: string,
  name: string,
  dtype: string,
  shape: readonly number[],
): Promise<ArrayBuffer> {
  const tensor = source.tensors.get(name);
  if (tensor === undefined || tensor.dtype !== dtype || tensor.shape.join() !== shape.join()) {
    const found = tensor === undefined ? "none" : `${tensor.dtype} [${tensor.shape}]`;
    throw invalid(folder, `it needs a tensor \`${name}\` of ${dtype} [${shape}] and has ${found}`);
  }
  return new Uint8Array(await source.read(name)).buffer;
}

function invalid(folder: string, problem: string, cause?: unknown): PgVectorDBError {
  return new PgVectorDBError("model_invalid", `The static model in ${folder} cannot be used: ${problem}.`, { cause });
}
