import type { Dialect } from "./imitation-service.ts";
import { isInteger, isListOf, isOneOf, isString, isText, problemWith, Refusal } from "./strict-body.ts";

export const COHERE_KEY = "co-imitation-key";
const MODELS = ["rerank-v4.0-pro", "rerank-v4.0-fast", "rerank-v3.5"];

/** Cohere's `POST /v2/rerank`. */
export const cohere: Dialect = {
  error: (_status, message) => ({ message }),
  respond({ path, headers, body }, rank) {
    if (path !== "/v2/rerank") throw new Refusal(404, { message: "page not found" });
    if (headers.authorization === undefined) throw new Refusal(401, { message: "no api key supplied" });
    if (headers.authorization !== `Bearer ${COHERE_KEY}`) throw new Refusal(401, { message: "invalid api token" });
    const problem = problemWith(body, {
      required: { model: isText(1, 200), query: isText(1, 1e6), documents: isListOf(isString, 1, 10_000) },
      optional: { top_n: isInteger(1), max_tokens_per_doc: isInteger(1), priority: isInteger(0, 999) },
    });
    if (problem !== undefined) throw new Refusal(400, { message: `invalid request: ${problem}` });
    const { model, query, documents, top_n } = body as {
      model: string;
      query: string;
      documents: string[];
      top_n?: number;
    };
    if (!isOneOf(...MODELS)(model)) {
      throw new Refusal(404, { message: `model '${model}' not found, make sure the correct model ID was used` });
    }
    const results = rank(query, documents, top_n).map(({ index, score }) => ({ index, relevance_score: score }));
    const meta = {
      api_version: { version: "2" },
      billed_units: { search_units: Math.ceil(documents.length / 100) },
    };
    return { status: 200, body: { id: "b44f8b1a", results, meta } };
  },
};
