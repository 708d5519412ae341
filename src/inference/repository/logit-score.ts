import { PgVectorDBError } from "../../errors.ts";
import type { AnswerTokens } from "../compiler/encoder-context.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { readModelJson } from "./model-config.ts";
import { readModuleEntries } from "./sentence-modules.ts";

/**
 * The tokens by which sentence-transformers' module LogitScore scores a language model, `undefined` for a repository without
 * that module.
 *
 * @throws PgVectorDBError `model_invalid` for a chain of modules of which LogitScore is not the second and last
 */
export async function readLogitScore(located: LocatedModel): Promise<AnswerTokens | undefined> {
  const entries = await readModuleEntries(located);
  if (!entries?.some(({ type }) => type === "LogitScore")) return undefined;
  const [transformer, score] = entries;
  if (entries.length !== 2 || transformer?.type !== "Transformer" || transformer.folder !== "") {
    throw invalid(located.id, `has the modules ${entries.map(({ type }) => type).join(", ")}`);
  }
  return readTokens(located, `${score?.folder}/config.json`);
}

async function readTokens(located: LocatedModel, file: string): Promise<AnswerTokens> {
  const { true_token_id: yes, false_token_id: no = null } = (await readModelJson(located, file)) ?? {};
  if (!isToken(yes) || !(no === null || isToken(no))) throw invalid(located.id, `has no token ids in ${file}`);
  return no === null ? [yes] : [no, yes];
}

function isToken(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function invalid(model: string, what: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The model "${model}" ${what}; supported is a Transformer followed by a LogitScore with \`true_token_id\`.`,
  );
}
