import type { Dialect } from "./imitation-service.ts";
import { isBoolean, isInteger, isListOf, isOneOf, isString, problemWith, Refusal } from "./strict-body.ts";

export const VLLM_MODEL = "BAAI/bge-reranker-v2-m3";

const COMMON = {
  truncate_prompt_tokens: isInteger(-1),
  use_activation: isBoolean,
  priority: isInteger(0),
};

/** vLLM's `POST /rerank` and `POST /score`. Documents are always sent back by the first; the second does not sort. */
export const vllm: Dialect = {
  error: (status, message) => openAiError(status, message),
  respond({ path, body }, rank) {
    const isRerank = ["/rerank", "/v1/rerank", "/v2/rerank"].includes(path);
    if (!isRerank && path !== "/score" && path !== "/v1/score") throw new Refusal(404, { detail: "Not Found" });
    const problem = isRerank
      ? problemWith(body, {
          required: { model: isString, query: isString, documents: isListOf(isString, 1, 1e6) },
          optional: {
            ...COMMON,
            top_n: isInteger(0),
            max_tokens_per_doc: isInteger(0),
            max_tokens_per_query: isInteger(0),
          },
        })
      : problemWith(body, {
          required: { model: isString, queries: isString, documents: isListOf(isString, 1, 1e6) },
          optional: COMMON,
        });
    if (problem !== undefined) throw new Refusal(400, openAiError(400, problem));
    const { model, documents, top_n, ...rest } = body as {
      model: string;
      query: string;
      queries: string;
      documents: string[];
      top_n?: number;
      use_activation?: boolean;
    };
    if (!isOneOf(VLLM_MODEL)(model)) throw new Refusal(404, openAiError(404, `The model \`${model}\` does not exist.`));
    const usage = { prompt_tokens: 8 * documents.length, total_tokens: 8 * documents.length };
    const ranking = rank(isRerank ? rest.query : rest.queries, documents, top_n === 0 ? undefined : top_n);
    const scoreOf = (score: number) => (rest.use_activation === false ? Math.log(score / (1 - score)) : score);
    if (isRerank) {
      const results = ranking.map((entry) => ({
        index: entry?.index,
        document: { text: documents[entry?.index], multi_modal: null },
        relevance_score: toWire(entry?.score, scoreOf),
      }));
      return { status: 200, body: { id: "score-1", model, usage, results } };
    }
    const data = [...ranking]
      .sort((a, b) => a.index - b.index)
      .map((entry) => ({ index: entry.index, object: "score", score: toWire(entry.score, scoreOf) }));
    return { status: 200, body: { id: "score-1", object: "list", created: 1, model, data, usage } };
  },
};

/** Faults put other things than numbers into a ranking. */
function toWire(score: unknown, scoreOf: (score: number) => number): unknown {
  return typeof score === "number" ? scoreOf(score) : score;
}

function openAiError(code: number, message: string): unknown {
  return { error: { message, type: code === 404 ? "NotFoundError" : "BadRequestError", param: null, code } };
}
