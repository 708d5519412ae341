import { readFile } from "node:fs/promises";
import { PgVectorDBError } from "../errors.ts";
import { type ClassificationHead, chooseHead } from "./classification-head.ts";
import { type ModelConfig, readModelJson } from "./model-config.ts";
import type { LocatedModel } from "./model-files/locate-model.ts";
import type { ModelUse } from "./prepare-model.ts";
import { readModuleClassifier } from "./module-classifier.ts";
import { choosePrompt, isDecoder, isLanguageModel, PROMPT_TEMPLATES, type PromptOption } from "./prompt-templates.ts";
import { POOLING_FILE } from "./sentence-config.ts";
import type { TruncationStrategy } from "./truncate-pair.ts";

export interface ClassifierChoices {
  /** The label that means "relevant", for models with more than two. */
  readonly relevantLabel?: string | undefined;
  /** Default `"auto"`. */
  readonly prompt?: PromptOption | undefined;
  /** What a model with a prompt is told to look for. Default: what its family documents. */
  readonly instruction?: string | undefined;
  readonly truncation?: TruncationStrategy | undefined;
}

export interface ClassifierUse extends ModelUse {
  readonly output: "logits";
  /** `undefined` where config.json names no labels. */
  readonly head: ClassificationHead | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * How a model scores a pair: by which label, and in which prompt.
 *
 * @throws PgVectorDBError `model_invalid` for a model whose labels or answers mean no relevance; `invalid_argument` for
 * options that do not fit it
 */
export async function decideClassifierUse(
  located: LocatedModel,
  modelConfig: ModelConfig,
  choices: ClassifierChoices,
): Promise<ClassifierUse> {
  const config = (await readModelJson(located, "config.json")) ?? {};
  const chatTemplate = isDecoder(config) ? await readChatTemplate(located) : undefined;
  const facts = { id: located.id, config, chatTemplate };
  const prompt = choosePrompt(facts, choices.prompt ?? "auto", choices.instruction);
  if (prompt !== undefined && choices.truncation === "longest_first") throw onlyDocumentIsCut(located.id);
  const byModules = await readModuleClassifier(located, modelConfig);
  if (byModules !== undefined) {
    const { labels, ...modules } = byModules;
    return { output: "logits", prompt, head: chooseHead(labels, choices.relevantLabel), ...modules };
  }
  if (!isLanguageModel(config)) {
    const { labels } = modelConfig;
    const head = labels.length === 0 ? undefined : chooseHead(labels, choices.relevantLabel);
    return { output: "logits", prompt, head };
  }
  if (prompt === undefined) {
    // An architecture that is not known at all is the better reason, and it is told when the graph is chosen.
    if (isDecoder(config)) throw promptNeeded(located.id, choices.prompt);
    return { output: "logits", head: undefined };
  }
  await checkAnswers(located);
  return { output: "logits", prompt, head: chooseHead(PROMPT_TEMPLATES[prompt.name].answers, choices.relevantLabel) };
}

/** Other families of the same architecture score by one token, or by others, to a prompt of their own. */
async function checkAnswers(located: LocatedModel): Promise<void> {
  if (located.files.includes(POOLING_FILE)) throw makesVectors(located.id);
  const score: Json | undefined = await readModelJson(located, "1_LogitScore/config.json");
  if (score === undefined || typeof score["false_token_id"] === "number") return;
  throw new PgVectorDBError(
    "model_invalid",
    `The model "${located.id}" scores by the logit of one token to a prompt of its own, which is not supported. ` +
      "Choose Qwen/Qwen3-Reranker-0.6B, or a cross-encoder.",
  );
}

async function readChatTemplate(located: LocatedModel): Promise<string | undefined> {
  const { chat_template: template } = (await readModelJson(located, "tokenizer_config.json")) ?? {};
  if (template !== undefined) return JSON.stringify(template);
  const file = "chat_template.jinja";
  return located.files.includes(file) ? readFile(await located.fetch(file), "utf8") : undefined;
}

function makesVectors(model: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The model "${model}" makes vectors of texts and no relevance scores. Choose its reranker (such as Qwen/Qwen3-Reranker-0.6B), or a cross-encoder.`,
  );
}

function onlyDocumentIsCut(model: string): PgVectorDBError {
  return new PgVectorDBError(
    "invalid_argument",
    `\`truncation\` must be "only_second" or left out for the model "${model}": of a prompt only the document is cut.`,
  );
}

function promptNeeded(model: string, asked: PromptOption | undefined): PgVectorDBError {
  const names = Object.keys(PROMPT_TEMPLATES).map((name) => `"${name}"`);
  return new PgVectorDBError(
    "invalid_argument",
    `The model "${model}" is a language model that scores by its answer to a prompt, ` +
      (asked === "none" ? 'so `prompt` must not be "none".' : "and nothing in its files says to which.") +
      ` Name the prompt that it was trained with in \`prompt\` (${names.join(", ")}), or choose a cross-encoder.`,
  );
}
