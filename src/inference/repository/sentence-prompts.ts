import { PgVectorDBError } from "../../errors.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { readModelJson } from "./model-config.ts";

/** What a sentence-embedding model wants put before a query and before a document; empty for nothing. */
export interface SentencePrompts {
  readonly query: string;
  readonly document: string;
}

const FILE = "config_sentence_transformers.json";
/** The names that sentence-transformers' `encode_query` and `encode_document` look for, in their order. */
const NAMES = { query: ["query"], document: ["document", "passage", "corpus"] } as const;

/** The prompts that a repository names, chosen as sentence-transformers does. @throws PgVectorDBError `model_invalid` */
export async function readSentencePrompts(located: LocatedModel): Promise<SentencePrompts> {
  const { prompts = {}, default_prompt_name: fallback } = (await readModelJson(located, FILE)) ?? {};
  if (typeof prompts !== "object" || prompts === null) throw invalid(located.id);
  const all = new Map<string, unknown>(Object.entries(prompts));
  const promptOf = (names: readonly string[]): string => {
    const name = [...names, fallback].find((each) => typeof each === "string" && all.has(each));
    const prompt = name === undefined ? "" : (all.get(name as string) ?? "");
    if (typeof prompt !== "string") throw invalid(located.id);
    return prompt;
  };
  return { query: promptOf(NAMES.query), document: promptOf(NAMES.document) };
}

function invalid(model: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The \`prompts\` in ${FILE} of the model "${model}" are not texts by name.`,
  );
}
