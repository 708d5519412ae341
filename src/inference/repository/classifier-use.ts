import { PgVectorDBError } from "../../errors.ts";
import type { TruncationStrategy } from "../inputs/truncate-pair.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { type ChatPrompt, readChatPrompt, readChatTemplate } from "./chat-prompt.ts";
import { type ClassificationHead, chooseHead } from "./classification-head.ts";
import { type ModelConfig, readModelJson } from "./model-config.ts";
import type { ModelUse } from "./model-use.ts";
import { readModuleClassifier } from "./module-classifier.ts";
import {
  choosePrompt,
  isDecoder,
  isLanguageModel,
  type ModelPrompt,
  PROMPT_TEMPLATES,
  type PromptFacts,
  type PromptOption,
  recognise,
} from "./prompt-templates.ts";
import { POOLING_FILE } from "./sentence-config.ts";

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
  /** `undefined` for a language model that is not known to answer a prompt. */
  readonly head: ClassificationHead | undefined;
}

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
  const prompt =
    (await findChatPrompt(located, facts, choices)) ??
    choosePrompt(facts, choices.prompt ?? "auto", choices.instruction);
  if (prompt !== undefined && choices.truncation === "longest_first") throw onlyDocumentIsCut(located.id);
  const byModules = await readModuleClassifier(located, modelConfig);
  if (byModules !== undefined) {
    const { labels, ...modules } = byModules;
    return { output: "logits", prompt, head: chooseHead(labels, choices.relevantLabel), ...modules };
  }
  if (!isLanguageModel(config)) {
    return { output: "logits", prompt, head: chooseHead(modelConfig.labels, choices.relevantLabel) };
  }
  if (prompt === undefined) {
    // An architecture that is not known at all is the better reason, and it is told when the graph is chosen.
    if (isDecoder(config)) throw promptNeeded(located.id, choices.prompt);
    return { output: "logits", head: undefined };
  }
  if (located.files.includes(POOLING_FILE)) throw makesVectors(located.id);
  return { output: "logits", prompt, head: chooseHead(answersOf(prompt), choices.relevantLabel) };
}

/** The prompt that the repository brings itself: it wins over what is known of its family. */
async function findChatPrompt(
  located: LocatedModel,
  facts: PromptFacts,
  { prompt = "auto", instruction }: ClassifierChoices,
): Promise<ChatPrompt | undefined> {
  if (prompt !== "auto" || !isDecoder(facts.config)) return undefined;
  const kind = isLanguageModel(facts.config) ? "language model" : "classifier";
  try {
    return await readChatPrompt(located, kind, instruction);
  } catch (error) {
    // Conversions keep the chat template of what they were made of, which need not be one for pairs.
    if (kind === "classifier" && recognise(facts) !== undefined) return undefined;
    throw error;
  }
}

function answersOf(prompt: ModelPrompt): readonly string[] {
  if (prompt.name !== "chat-template") return PROMPT_TEMPLATES[prompt.name].answers;
  return prompt.answers?.length === 1 ? ["yes"] : ["no", "yes"];
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
