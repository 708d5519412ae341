import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PgVectorDBError } from "../errors.ts";

/** What `config.json` of a static model says. */
export interface StaticModelConfig {
  readonly id: string;
  readonly dimensions: number;
  /** Tokens of a text that count; the rest is left out. `undefined`: all. */
  readonly maxTokens: number | undefined;
  /** What its ranking counts beside keywords' in a hybrid search. `undefined`: 1. */
  readonly hybridWeight: number | undefined;
}

const MODEL_TYPE = "pgvectordb-static";

/**
 * Reads `config.json`: a few bytes, at once, because an embedder's `id` and `dimensions` are known from the start.
 *
 * @throws PgVectorDBError `model_not_found`, `model_invalid`
 */
export function readStaticModelConfig(folder: string): StaticModelConfig {
  const path = join(folder, "config.json");
  const config = parse(readText(path), path);
  const { model_type: type, id, dimensions, max_tokens: maxTokens, hybrid_weight: hybridWeight } = config;
  if (type !== MODEL_TYPE) throw invalid(path, `\`model_type\` must be "${MODEL_TYPE}"`);
  if (typeof id !== "string" || id.trim() === "") throw invalid(path, "`id` must be a string");
  if (!isPositiveInteger(dimensions)) throw invalid(path, "`dimensions` must be a positive integer");
  if (maxTokens !== null && maxTokens !== undefined && !isPositiveInteger(maxTokens)) {
    throw invalid(path, "`max_tokens` must be a positive integer or null");
  }
  if (hybridWeight !== undefined && !(typeof hybridWeight === "number" && hybridWeight >= 0)) {
    throw invalid(path, "`hybrid_weight` must be a number of at least 0");
  }
  return { id, dimensions, maxTokens: maxTokens ?? undefined, hybridWeight };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new PgVectorDBError(
      "model_not_found",
      `The static embedder looked for ${path} and could not read it. \`folder\` must hold config.json, tokenizer.json and model.safetensors.`,
      { cause },
    );
  }
}

function parse(text: string, path: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch (cause) {
    throw invalid(path, "it is not JSON", cause);
  }
  throw invalid(path, "it is not a JSON object");
}

function isPositiveInteger(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function invalid(path: string, problem: string, cause?: unknown): PgVectorDBError {
  return new PgVectorDBError("model_invalid", `${path} cannot be used: ${problem}.`, { cause });
}
