import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PgVectorDBError } from "../../errors.ts";
import { bertTokenizerFile } from "../../tokenizers/bert-vocabulary.ts";
import { loadTokenizer } from "../../tokenizers/load-tokenizer.ts";
import { robertaTokenizerFile } from "../../tokenizers/roberta-vocabulary.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { AnswerTokens } from "../compiler/encoder-context.ts";
import type { PreparedModel } from "../graphs/prepared-model.ts";
import { type FamilyPrompt, PROMPT_TEMPLATES, type PromptTemplate } from "../repository/prompt-templates.ts";
import { applySettings } from "../repository/tokenizer-settings.ts";
import { ChatPairEncoder } from "./chat-pair-encoder.ts";
import { PairEncoder, type PairPrompt, type QueryEncoder } from "./pair-encoder.ts";
import {
  type InputTemplates,
  readTemplates,
  specialTokenCount,
  type TemplatePiece,
  withoutTypes,
} from "./pair-template.ts";

type Json = Readonly<Record<string, unknown>>;

export interface LoadedEncoder {
  readonly encoder: PairEncoder;
  /** What lays pairs out: the encoder, or that of the model's chat template. */
  readonly pairs: QueryEncoder;
  readonly padTokenId: number;
  /** The ids of a prompt's answers, where it has a prompt. */
  readonly answerTokens: AnswerTokens | undefined;
}

/** Loads a model's tokenizer and the layout of its inputs from tokenizer.json, and puts its prompt around them. */
export async function loadInputEncoder(model: PreparedModel): Promise<LoadedEncoder> {
  const { json, file } = await readTokenizerFile(model);
  const tokenizer = await loadTokenizer(json);
  const { maxTokens, truncationSide, truncation } = model;
  const chat = model.prompt?.name === "chat-template" ? model.prompt : undefined;
  const prompt = model.prompt?.name === "chat-template" ? undefined : model.prompt;
  const marked = readTemplates(file["post_processor"]);
  const plain = model.tokenizer.marksTexts ? marked : withoutTypes(marked);
  const template: PromptTemplate | undefined = prompt === undefined ? undefined : PROMPT_TEMPLATES[prompt.name];
  const templates = template === undefined ? plain : await promptLayout(tokenizer, template, plain);
  const encoder = new PairEncoder(tokenizer, templates, {
    maxTokens,
    // Of a prompt only its end is cut, and that is the document's.
    truncationSide: prompt === undefined ? truncationSide : "right",
    strategy: prompt === undefined ? truncation : "only_second",
    prompt: prompt === undefined ? undefined : pairPrompt(prompt),
    queryLimit: template?.queryLimit?.(maxTokens - specialTokenCount(templates.pair)),
  });
  const pairs = chat === undefined ? encoder : await ChatPairEncoder.create(tokenizer, chat.pieces, maxTokens);
  if (pairs.pairRoom < 2) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`maxLength\` leaves no room for the texts: this model needs at least ${maxTokens - pairs.pairRoom + 2} tokens.`,
    );
  }
  return {
    encoder,
    pairs,
    padTokenId: findPadToken(model, tokenizer),
    answerTokens: template === undefined ? chat?.answers : answersOf(template, tokenizer, model.id),
  };
}

/** The prompt's own words are special pieces: they are neither cut nor tokenised again for each pair. */
async function promptLayout(
  tokenizer: Tokenizer,
  { before, between, after }: PromptTemplate,
  { single }: InputTemplates,
): Promise<InputTemplates> {
  const fixed = async (texts: readonly string[]): Promise<TemplatePiece> => {
    const parts = await Promise.all(texts.map((text) => tokenizer.encode(text)));
    return { kind: "special", ids: parts.flat(), typeId: 0 };
  };
  return {
    single,
    pair: [
      await fixed(before),
      { kind: "text", side: "A", typeId: 0 },
      await fixed(between),
      { kind: "text", side: "B", typeId: 0 },
      await fixed(after),
    ],
  };
}

function pairPrompt({ name, instruction }: FamilyPrompt): PairPrompt {
  const template: PromptTemplate = PROMPT_TEMPLATES[name];
  return {
    query: (query) => template.query(query, instruction),
    document: (document) => template.document(document),
  };
}

function answersOf({ answers }: PromptTemplate, tokenizer: Tokenizer, model: string): AnswerTokens {
  const [no, yes] = answers.map((answer) => tokenizer.tokenToId(answer));
  if (no !== undefined && yes !== undefined) return [no, yes];
  throw new PgVectorDBError(
    "model_invalid",
    `The tokenizer of the model "${model}" has no tokens "${answers.join('" and "')}", by which its prompt is answered. ` +
      "It is not the reranker that this prompt is for.",
  );
}

/** The model's own choice comes first: RoBERTa numbers positions by it. */
function findPadToken(model: PreparedModel, tokenizer: Tokenizer): number {
  if (model.padTokenId !== undefined) return model.padTokenId;
  return (model.padToken === undefined ? undefined : tokenizer.tokenToId(model.padToken)) ?? 0;
}

/** The text of the tokenizer.json that Python would make of the model's files, and what it says. */
async function readTokenizerFile(model: PreparedModel): Promise<{ readonly json: string; readonly file: Json }> {
  const made = await makeTokenizerFile(model);
  if (made !== undefined) {
    const file = applySettings(made, model.tokenizer);
    return { file, json: JSON.stringify(file) };
  }
  const text = await readFile(model.tokenizerPath, "utf8");
  const found = parseTokenizerFile(text, model.id);
  const file = applySettings(found, model.tokenizer);
  return { file, json: file === found ? text : JSON.stringify(file) };
}

/** What stands for a tokenizer.json in older repositories. */
async function makeTokenizerFile({ tokenizerPath, tokenizer }: PreparedModel): Promise<Json | undefined> {
  switch (basename(tokenizerPath)) {
    case "vocab.txt":
      return bertTokenizerFile(await readFile(tokenizerPath, "utf8"), tokenizer.special, tokenizer.added);
    case "vocab.json": {
      const merges = await readFile(join(dirname(tokenizerPath), "merges.txt"), "utf8");
      return robertaTokenizerFile(await readFile(tokenizerPath, "utf8"), merges, tokenizer.special, tokenizer.added);
    }
    default:
      return undefined;
  }
}

function parseTokenizerFile(json: string, model: string): Json {
  try {
    const file: unknown = JSON.parse(json);
    if (typeof file === "object" && file !== null) return file as Json;
  } catch {
    // Said below, with the model's name; the parser's message would quote the file.
  }
  throw new PgVectorDBError("model_invalid", `tokenizer.json of the model "${model}" is not a JSON object.`);
}
