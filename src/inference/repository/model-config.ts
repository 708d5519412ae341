import { readFile } from "node:fs/promises";
import { PgVectorDBError } from "../../errors.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { asObject, type JsonObject } from "./json-object.ts";
import { readTokenizerSettings, type TokenizerSettings, tokenText } from "./tokenizer-settings.ts";

/** What a repository's JSON files say about a model, as far as scoring needs it. */
export interface ModelConfig {
  /** Label names by position, numbered where config.json names none. */
  readonly labels: readonly string[];
  /** Longest input the model can read, special tokens included. */
  readonly maxTokens: number;
  readonly padTokenId: number | undefined;
  readonly padToken: string | undefined;
  readonly truncationSide: "left" | "right";
  readonly tokenizer: TokenizerSettings;
}

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

/** The names that versions of sentence-transformers gave to one file. */
const SENTENCE_FILES = [
  "sentence_bert_config.json",
  "sentence_roberta_config.json",
  "sentence_distilbert_config.json",
  "sentence_camembert_config.json",
  "sentence_xlm-roberta_config.json",
] as const;

/** A head of more is none that scores pairs, and a broken file must not fill the memory. */
const MOST_LABELS = 1000;

export const ADAPTER_ADVICE =
  "It is an adapter for another model: merge the two in Python (`merge_and_unload`), save them with `save_pretrained`, and pass that folder.";

/** Reads config.json, tokenizer_config.json and sentence_bert_config.json. @throws PgVectorDBError `model_invalid` */
export async function readModelConfig(located: LocatedModel): Promise<ModelConfig> {
  const config = await readModelJson(located, "config.json");
  if (config === undefined) {
    const advice = located.files.includes("adapter_config.json") ? ` ${ADAPTER_ADVICE}` : "";
    throw new PgVectorDBError("model_invalid", `The model "${located.id}" has no config.json.${advice}`);
  }
  const tokenizer = (await readModelJson(located, "tokenizer_config.json")) ?? {};
  const sentence = await readSentenceSettings(located);
  return {
    labels: readLabels(config),
    // What sentence-transformers has saved replaces the tokenizer's own limit.
    maxTokens: Math.min(
      positiveOrInfinity(sentence["max_seq_length"] ?? tokenizer["model_max_length"]),
      readPositions(config),
    ),
    padTokenId: typeof config["pad_token_id"] === "number" ? config["pad_token_id"] : undefined,
    padToken: tokenText(tokenizer["pad_token"]),
    truncationSide: tokenizer["truncation_side"] === "left" ? "left" : "right",
    tokenizer: readTokenizerSettings(tokenizer, config, sentence, await readAddedTokensFile(located)),
  };
}

/** One JSON object of the model, or `undefined` when the model has no such file. */
export async function readModelJson(located: LocatedModel, file: string): Promise<JsonObject | undefined> {
  const value = await readModelFile(located, file);
  if (value === undefined) return undefined;
  const object = asObject(value);
  if (object !== undefined) return object;
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

/** The classes of `transformers` that a config.json names. */
export function architecturesOf({ architectures }: JsonObject): readonly string[] {
  return Array.isArray(architectures) ? architectures.map(String) : [];
}

export function hasClassificationHead(config: JsonObject): boolean {
  return architecturesOf(config).some((name) => /Classification$/.test(name));
}

/** `transformers` writes no labels where they are two without names, and sentence-transformers reads one where no head is named. */
function readLabels(config: JsonObject): string[] {
  const { id2label, num_labels: count } = config;
  const named = typeof id2label === "object" && id2label !== null ? Object.entries(id2label) : [];
  if (named.length > 0) return named.sort(([a], [b]) => Number(a) - Number(b)).map(([, name]) => String(name));
  const unnamed = hasClassificationHead(config) ? 2 : 1;
  const length =
    Number.isSafeInteger(count) && (count as number) > 0 ? Math.min(count as number, MOST_LABELS) : unnamed;
  return Array.from({ length }, (_, label) => `LABEL_${label}`);
}

/** What sentence-transformers saved of a model's tokenizer; it reads that beside a modules.json alone. */
async function readSentenceSettings(located: LocatedModel): Promise<JsonObject> {
  const file = located.files.includes("modules.json")
    ? SENTENCE_FILES.find((name) => located.files.includes(name))
    : undefined;
  return (file === undefined ? undefined : await readModelJson(located, file)) ?? {};
}

/** It belongs to a vocabulary; a tokenizer.json has these tokens itself. */
async function readAddedTokensFile(located: LocatedModel): Promise<JsonObject> {
  if (located.files.includes("tokenizer.json")) return {};
  return (await readModelJson(located, "added_tokens.json")) ?? {};
}

function readPositions(config: JsonObject): number {
  const positions = positiveOrInfinity(config["max_position_embeddings"]);
  if (!OFFSET_POSITIONS.has(String(config["model_type"]))) return positions;
  const padding = typeof config["pad_token_id"] === "number" ? config["pad_token_id"] : 1;
  return positions - padding - 1;
}

/** Absent, -1 and transformers' "very large integer" all mean that there is no limit. */
function positiveOrInfinity(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : Number.POSITIVE_INFINITY;
}
