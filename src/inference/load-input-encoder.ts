import { readFile } from "node:fs/promises";
import { PgVectorDBError } from "../errors.ts";
import { loadTokenizer } from "../tokenizers/load-tokenizer.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { PairEncoder } from "./pair-encoder.ts";
import { readTemplates } from "./pair-template.ts";
import type { PreparedModel } from "./prepare-model.ts";

export interface LoadedEncoder {
  readonly encoder: PairEncoder;
  readonly padTokenId: number;
}

/** Loads a model's tokenizer and the layout of its inputs from tokenizer.json. */
export async function loadInputEncoder(model: PreparedModel): Promise<LoadedEncoder> {
  const json = await readFile(model.tokenizerPath, "utf8");
  const file = parseTokenizerFile(json, model.id);
  const tokenizer = await loadTokenizer(json);
  const { maxTokens, truncationSide } = model;
  const encoder = new PairEncoder(tokenizer, readTemplates(file["post_processor"]), { maxTokens, truncationSide });
  if (encoder.pairRoom < 2) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`maxLength\` leaves no room for the texts: this model needs at least ${maxTokens - encoder.pairRoom + 2} tokens.`,
    );
  }
  return { encoder, padTokenId: findPadToken(model, tokenizer) };
}

/** The model's own choice comes first: RoBERTa numbers positions by it. */
function findPadToken(model: PreparedModel, tokenizer: Tokenizer): number {
  if (model.padTokenId !== undefined) return model.padTokenId;
  return (model.padToken === undefined ? undefined : tokenizer.tokenToId(model.padToken)) ?? 0;
}

function parseTokenizerFile(json: string, model: string): Readonly<Record<string, unknown>> {
  try {
    const file: unknown = JSON.parse(json);
    if (typeof file === "object" && file !== null) return file as Readonly<Record<string, unknown>>;
  } catch {
    // Said below, with the model's name; the parser's message would quote the file.
  }
  throw new PgVectorDBError("model_invalid", `tokenizer.json of the model "${model}" is not a JSON object.`);
}
