import { PgVectorDBError } from "../../errors.ts";
import type { ChatPrompt } from "./chat-prompt.ts";
import { architecturesOf } from "./model-config.ts";

/** How a language model is asked whether a document is relevant. */
export interface PromptTemplate {
  /** What the model is told to look for when the caller does not say. Without one, nothing is said. */
  readonly defaultInstruction: string | undefined;
  /**
   * What stands before, between and after the two texts, and is kept whole however long these are. Each of its texts, the
   * query and the document are tokenised by themselves, so a token must end where one of them does.
   */
  readonly before: readonly string[];
  readonly between: readonly string[];
  readonly after: readonly string[];
  query(query: string, instruction: string | undefined): string;
  document(document: string): string;
  /** Most tokens of the query, where `room` is left for both texts. Default: all of it. */
  queryLimit?(room: number): number;
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
  before: [
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. " +
      'Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n',
  ],
  between: [],
  after: ["<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"],
  query: (query, instruction) => `<Instruct>: ${instruction}\n<Query>: ${query}\n<Document>:`,
  document: (document) => ` ${document}`,
  answers: ["no", "yes"],
};

/**
 * The authors' own Python package (mxbai-rerank 0.1.6, mxbai_rerank_v2.py) for mixedbread-ai/mxbai-rerank-base-v2 and
 * -large-v2. Its `max_length` is the room for the texts and the line break between them, of which a query gets 3/4.
 */
const mxbaiRerankV2: PromptTemplate = {
  defaultInstruction: undefined,
  before: [
    "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
  ],
  between: ["\n"],
  after: [
    "\n",
    "You are a search relevance expert who evaluates how well documents match search queries. For each query-document " +
      "pair, carefully analyze the semantic relationship between them, then provide your binary relevance judgment " +
      "(0 for not relevant, 1 for relevant).\nRelevance:",
    "<|im_end|>\n<|im_start|>assistant\n",
  ],
  query: (query, instruction) =>
    instruction === undefined ? `query: ${query}` : `instruction: ${instruction}\nquery: ${query}`,
  document: (document) => `document: ${document}`,
  queryLimit: (room) => Math.floor(((room + 1) * 3) / 4),
  answers: ["0", "1"],
};

/** By name, one for each model family that needs one. */
export const PROMPT_TEMPLATES = {
  "qwen3-reranker": qwen3Reranker,
  "mxbai-rerank-v2": mxbaiRerankV2,
} as const satisfies Readonly<Record<string, PromptTemplate>>;

export type PromptName = keyof typeof PROMPT_TEMPLATES;

/** `auto` takes the chat template of the repository where sentence-transformers would, and else recognises the families above by their files; `none` gives the model the bare pair. */
export type PromptOption = "auto" | "none" | PromptName;

export const PROMPT_OPTIONS: readonly PromptOption[] = [
  "auto",
  "none",
  ...(Object.keys(PROMPT_TEMPLATES) as PromptName[]),
];

/** A template and what the model is told to look for. Plain data: it is sent to the worker. */
export interface FamilyPrompt {
  readonly name: PromptName;
  readonly instruction: string | undefined;
}

export type ModelPrompt = FamilyPrompt | ChatPrompt;

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
): FamilyPrompt | undefined {
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
  return architecturesOf(config ?? {}).some((name) => /ForCausalLM$/.test(name));
}

/** The `model_type`s of language models that are compiled. */
export function isDecoder(config: Readonly<Record<string, unknown>>): boolean {
  return config["model_type"] === "qwen2" || config["model_type"] === "qwen3";
}

/** The family that a model says it is of. */
export function recognise({ id, config, chatTemplate }: PromptFacts): PromptName | undefined {
  const names = `${id} ${String(config["_name_or_path"] ?? "")}`;
  if (config["model_type"] === "qwen2") return /mxbai[-_]rerank/i.test(names) ? "mxbai-rerank-v2" : undefined;
  if (config["model_type"] !== "qwen3") return undefined;
  if (isLanguageModel(config)) return "qwen3-reranker";
  const isConversion = /qwen3[-_]reranker/i.test(names) || chatTemplate?.includes("Judge whether the Document meets");
  return isConversion ? "qwen3-reranker" : undefined;
}
