import { readFile } from "node:fs/promises";
import { PgVectorDBError } from "../errors.ts";
import type { LocatedModel } from "./model-files/locate-model.ts";

/** What a repository's JSON files say about a model, as far as scoring needs it. */
export interface ModelConfig {
  /** Label names by position; empty when config.json names none. */
  readonly labels: readonly string[];
  /** Longest input the model can read, special tokens included. */
  readonly maxTokens: number;
  readonly padTokenId: number | undefined;
  readonly padToken: string | undefined;
  readonly truncationSide: "left" | "right";
}

type Json = Readonly<Record<string, unknown>>;

/** These number positions from `pad_token_id + 1`, so that many of `max_position_embeddings` are never used. */
const OFFSET_POSITIONS: ReadonlySet<string> = new Set([
  "camembert",
  "data2vec-text",
  "ibert",
  "longformer",
  "luke",
  "mpnet",
  "roberta",
  "roberta-prelayernorm",
  "xlm-roberta",
  "xlm-roberta-xl",
  "xmod",
]);

/** Reads config.json, tokenizer_config.json and sentence_bert_config.json. @throws PgVectorDBError `model_invalid` */
export async function readModelConfig(located: LocatedModel): Promise<ModelConfig> {
  const config = await readModelJson(located, "config.json");
  if (config === undefined) {
    throw new PgVectorDBError("model_invalid", `The model "${located.id}" has no config.json.`);
  }
  const tokenizer = (await readModelJson(located, "tokenizer_config.json")) ?? {};
  const sentence = (await readModelJson(located, "sentence_bert_config.json")) ?? {};
  const padToken = tokenizer["pad_token"];
  return {
    labels: readLabels(config["id2label"]),
    maxTokens: Math.min(
      positiveOrInfinity(tokenizer["model_max_length"]),
      positiveOrInfinity(sentence["max_seq_length"]),
      readPositions(config),
    ),
    padTokenId: typeof config["pad_token_id"] === "number" ? config["pad_token_id"] : undefined,
    padToken: typeof padToken === "string" ? padToken : readContent(padToken),
    truncationSide: tokenizer["truncation_side"] === "left" ? "left" : "right",
  };
}

/** One JSON object of the model, or `undefined` when the model has no such file. */
export async function readModelJson(located: LocatedModel, file: string): Promise<Json | undefined> {
  const value = await readModelFile(located, file);
  if (value === undefined) return undefined;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new PgVectorDBError("model_invalid", `${file} of the model "${located.id}" is not a JSON object.`);
}

/** One JSON file of the model, whatever it holds, or `undefined` when the model has no such file. */
export async function readModelFile(located: LocatedModel, file: string): Promise<unknown> {
  if (!located.files.includes(file)) return undefined;
  const text = await readFile(await located.fetch(file), "utf8");
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new PgVectorDBError("model_invalid", `${file} of the model "${located.id}" is not JSON.`, { cause });
  }
}

function readLabels(id2label: unknown): string[] {
  if (typeof id2label !== "object" || id2label === null) return [];
  return Object.entries(id2label)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => String(name));
}

function readPositions(config: Json): number {
  const positions = positiveOrInfinity(config["max_position_embeddings"]);
  if (!OFFSET_POSITIONS.has(String(config["model_type"]))) return positions;
  const padding = typeof config["pad_token_id"] === "number" ? config["pad_token_id"] : 1;
  return positions - padding - 1;
}

/** A special token may be written as an object with its flags. */
function readContent(token: unknown): string | undefined {
  const content = (token as { content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}

/** Absent, -1 and transformers' "very large integer" all mean that there is no limit. */
function positiveOrInfinity(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : Number.POSITIVE_INFINITY;
}
