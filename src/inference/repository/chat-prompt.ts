import { readFile } from "node:fs/promises";
import { PgVectorDBError } from "../../errors.ts";
import type { AnswerTokens } from "../compiler/encoder-context.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { asObject, type JsonObject } from "./json-object.ts";
import { readLogitScore } from "./logit-score.ts";
import { readModelJson } from "./model-config.ts";
import type { PromptPiece } from "./prompt-pieces.ts";
import type { MessageFormat } from "./split-chat-template.ts";
import { tokenText } from "./tokenizer-settings.ts";

/** A prompt that a repository brings as a chat template. Plain data: it is sent to the worker. */
export interface ChatPrompt {
  readonly name: "chat-template";
  readonly pieces: readonly PromptPiece[];
  /** What the model is told to look for, where that is not the template's own. */
  readonly instruction: string | undefined;
  /** The tokens that answer; `undefined` for a classifier. */
  readonly answers: AnswerTokens | undefined;
}

/**
 * The prompt of a repository that sentence-transformers (5.4 and later) wrote: a pair becomes messages of the roles `query`
 * and `document`, and an instruction one of the role `system`. `undefined` for other repositories.
 *
 * @throws PgVectorDBError `model_invalid` for a template that is missing, or cannot be split; `invalid_argument` for an
 * instruction that it has no place for
 */
export async function readChatPrompt(
  located: LocatedModel,
  kind: "language model" | "classifier",
  instruction: string | undefined,
): Promise<ChatPrompt | undefined> {
  const answers = kind === "classifier" ? undefined : await readLogitScore(located);
  if (kind === "language model" && answers === undefined) return undefined;
  const sentence = (await readModelJson(located, "sentence_bert_config.json")) ?? {};
  const message = asObject(asObject(sentence["modality_config"])?.["message"]);
  const source = message === undefined ? undefined : await readChatTemplate(located);
  if (source === undefined) {
    if (answers === undefined) return undefined;
    throw unusable(located.id, "It has no chat template that sentence-transformers would use.");
  }
  const system = instruction ?? (await readDefaultPrompt(located));
  try {
    const format = formatOf(message?.["format"], source);
    // Jinja comes with it: imported late, models without a template never load it.
    const [{ chatRenderer }, { splitTemplate, takesInstruction }] = await Promise.all([
      import("./chat-template.ts"),
      import("./split-chat-template.ts"),
    ]);
    const render = chatRenderer(source, await readVariables(located, sentence));
    if (instruction !== undefined && !takesInstruction(render, format)) throw noPlace(located.id);
    const pieces = splitTemplate(render, format, system);
    return { name: "chat-template", instruction: system, answers, pieces };
  } catch (error) {
    if (error instanceof PgVectorDBError && error.code === "model_invalid") {
      throw unusable(located.id, error.message, error);
    }
    throw error;
  }
}

/** The chat template that comes with the tokenizer: `transformers` prefers the file of its own. */
export async function readChatTemplate(located: LocatedModel): Promise<string | undefined> {
  const file = "chat_template.jinja";
  if (located.files.includes(file)) return readFile(await located.fetch(file), "utf8");
  const { chat_template: template } = (await readModelJson(located, "tokenizer_config.json")) ?? {};
  if (typeof template === "string") return template;
  if (!Array.isArray(template)) return undefined;
  const named = template.map(asObject).find((entry) => entry?.["name"] === "default");
  return typeof named?.["template"] === "string" ? named["template"] : undefined;
}

/** As sentence-transformers decides it where the repository does not say (base/modality.py). */
function formatOf(format: unknown, source: string): MessageFormat {
  if (format === "flat" || format === "structured") return format;
  return /content\[0\]|\.type|'type'|"type"|message\.content\[/.test(source) ? "structured" : "flat";
}

/** The prompt that sentence-transformers uses when the caller names none. */
async function readDefaultPrompt(located: LocatedModel): Promise<string | undefined> {
  const config = (await readModelJson(located, "config_sentence_transformers.json")) ?? {};
  const prompt = asObject(config["prompts"])?.[String(config["default_prompt_name"])];
  return typeof prompt === "string" && prompt !== "" ? prompt : undefined;
}

const SPECIAL_TOKENS = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/** Arguments of the call and not of the template. */
const CALL_ARGUMENTS = ["padding", "truncation", "max_length", "return_tensors", "restore_suffix"];

/** What a template can read beside the messages. */
async function readVariables(located: LocatedModel, sentence: JsonObject): Promise<JsonObject> {
  const tokenizer = (await readModelJson(located, "tokenizer_config.json")) ?? {};
  const tokens = SPECIAL_TOKENS.map((name) => [name, tokenText(tokenizer[name])] as const);
  const own = asObject(asObject(sentence["processing_kwargs"])?.["chat_template"]) ?? {};
  return {
    ...Object.fromEntries(tokens.filter(([, token]) => token !== undefined)),
    tools: null,
    documents: null,
    add_generation_prompt: false,
    ...Object.fromEntries(Object.entries(own).filter(([name]) => !CALL_ARGUMENTS.includes(name))),
  };
}

function noPlace(model: string): PgVectorDBError {
  return new PgVectorDBError(
    "invalid_argument",
    `The chat template of the model "${model}" has no place for an \`instruction\`. Leave it out.`,
  );
}

function unusable(model: string, reason: string, cause?: unknown): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The model "${model}" is scored by messages of the roles "query" and "document". ${reason} ` +
      "Where it was trained with a prompt that this library knows, name that in `prompt`; else choose another model.",
    { cause },
  );
}
