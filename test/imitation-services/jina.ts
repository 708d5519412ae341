import type { Dialect } from "./imitation-service.ts";
import {
  isBoolean,
  isInteger,
  isListOf,
  isObject,
  isOneOf,
  isString,
  isText,
  problemWith,
  Refusal,
} from "./strict-body.ts";

export const JINA_KEY = "jina_imitation_key";
const MODELS = ["jina-reranker-v2-base-multilingual", "jina-reranker-v3", "jina-reranker-m0", "jina-colbert-v2"];

/** Jina's `POST /v1/rerank`. */
export const jina: Dialect = {
  error: (_status, message) => ({ detail: message }),
  respond({ path, headers, body }, rank) {
    if (path !== "/v1/rerank") throw new Refusal(404, { detail: "Not Found" });
    if (headers.authorization !== `Bearer ${JINA_KEY}`) {
      throw new Refusal(401, { detail: { code: "AUTH_INVALID_API_KEY", message: "Invalid API key" } });
    }
    const problem = problemWith(body, {
      required: {
        model: isString,
        query: isText(1, 1e6),
        documents: isListOf((document) => isString(document) || isObject(document), 1, 10_000),
      },
      optional: { top_n: isInteger(1), return_documents: isBoolean },
    });
    if (problem !== undefined)
      throw new Refusal(422, { detail: [{ loc: ["body"], msg: problem, type: "value_error" }] });
    const { model, query, documents, top_n, return_documents } = body as {
      model: string;
      query: string;
      documents: (string | { text: string })[];
      top_n?: number;
      return_documents?: boolean;
    };
    if (!isOneOf(...MODELS)(model)) throw new Refusal(400, { detail: { code: "INPUT_MODEL_NOT_FOUND" } });
    const texts = documents.map((document) => (typeof document === "string" ? document : document.text));
    const results = rank(query, texts, top_n).map(({ index, score }) => ({
      index,
      relevance_score: model === "jina-reranker-v3" && typeof score === "number" ? 2 * score - 1 : score,
      ...(return_documents === false ? {} : { document: { text: texts[index] } }),
    }));
    return { status: 200, body: { model, object: "list", usage: { total_tokens: 9 * texts.length }, results } };
  },
};
