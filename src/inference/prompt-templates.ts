import { PgVectorDBError } from "../errors.ts";

/** How a language model is asked whether a document is relevant. */
export interface PromptTemplate {
  /** What the model is told to look for when the caller does not say. */
  readonly defaultInstruction: string;
  /** Kept whole before and after the pair, however long that is. */
  readonly prefix: string;
  readonly suffix: string;
  /** All that comes between the prefix and the document. It must end where every tokenizer of the family ends a token. */
  query(query: string, instruction: string): string;
  document(document: string): string;
  /** The tokens whose logits answer, where the model has no head of its own. */
  readonly answers: readonly [no: string, yes: string];
}

/**
 * The model card of Qwen/Qwen3-Reranker-0.6B (also 4B, 8B), section "Transformers Usage": the prefix and the suffix are
 * tokenised by themselves, the pair between them as one text, of which the end is cut. Its tokenizer ends a token between
 * ":" and the space that follows, so that the text can be tokenised in these two parts.
 */
const qwen3Reranker: PromptTemplate = {
  defaultInstruction: "Given a web search query, retrieve relevant passages that answer the query",
  prefix:
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. " +
    'Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n',
  suffix: "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
  query: (query, instruction) => `<Instruct>: ${instruction}\n<Query>: ${query}\n<Document>:`,
  document: (document) => ` ${document}`,
  answers: ["no", "yes"],
};

/** By name, one for each model family that needs one. */
export const PROMPT_TEMPLATES = { "qwen3-reranker": qwen3Reranker } as const satisfies Readonly<
  Record<string, PromptTemplate>
>;

export type PromptName = keyof typeof PROMPT_TEMPLATES;

/** `auto` recognises the families above by their files; `none` gives the model the bare pair. */
export type PromptOption = "auto" | "none" | PromptName;

export const PROMPT_OPTIONS: readonly PromptOption[] = [
  "auto",
  "none",
  ...(Object.keys(PROMPT_TEMPLATES) as PromptName[]),
];

/** A template and what the model is told to look for. Plain data: it is sent to the worker. */
export interface ModelPrompt {
  readonly name: PromptName;
  readonly instruction: string;
}

export interface PromptFacts {
  readonly id: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** The chat template that comes with the tokenizer. */
  readonly chatTemplate: string | undefined;
}

/**
 * The prompt that a model needs, `undefined` for one that reads bare pairs: every language model, and the conversions of
 * one to a classifier that say so by their name or by their chat template.
 *
 * @throws PgVectorDBError `invalid_argument` for an instruction that the model has no place for
 */
export function choosePrompt(
  facts: PromptFacts,
  asked: PromptOption,
  instruction: string | undefined,
): ModelPrompt | undefined {
  const name = asked === "auto" ? recognise(facts) : asked === "none" ? undefined : asked;
  if (name !== undefined) {
    return { name, instruction: instruction ?? PROMPT_TEMPLATES[name].defaultInstruction };
  }
  if (instruction === undefined) return undefined;
  throw new PgVectorDBError(
    "invalid_argument",
    `The model "${facts.id}" reads bare pairs, so it has no place for an \`instruction\`. Leave it out, or name the model's template in \`prompt\`.`,
  );
}

/** Whether a config.json is one of a language model, which scores by its answer. */
export function isLanguageModel(config: Readonly<Record<string, unknown>> | undefined): boolean {
  const { architectures } = config ?? {};
  return Array.isArray(architectures) && architectures.some((name) => /ForCausalLM$/.test(String(name)));
}

function recognise({ id, config, chatTemplate }: PromptFacts): PromptName | undefined {
  if (config["model_type"] !== "qwen3") return undefined;
  if (isLanguageModel(config)) return "qwen3-reranker";
  const names = `${id} ${String(config["_name_or_path"] ?? "")}`;
  const isConversion = /qwen3[-_]reranker/i.test(names) || chatTemplate?.includes("Judge whether the Document meets");
  return isConversion ? "qwen3-reranker" : undefined;
}
