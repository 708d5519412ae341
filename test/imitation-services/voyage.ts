import type { Dialect } from "./imitation-service.ts";
import { isBoolean, isInteger, isListOf, isOneOf, isText, problemWith, Refusal } from "./strict-body.ts";

export const VOYAGE_KEY = "pa-imitation-key";

/** The service's tokenizer stands in as: one token for each word. */
const countTokens = (text: string) => text.split(/\s+/).length;

/** Voyage's `POST /v1/rerank`. */
export const voyage: Dialect = {
  error: (_status, message) => ({ detail: message }),
  respond({ path, headers, body }, rank) {
    if (path !== "/v1/rerank") throw new Refusal(404, { detail: "Not Found" });
    if (headers.authorization !== `Bearer ${VOYAGE_KEY}`) {
      throw new Refusal(401, { detail: "Provided API key is invalid." });
    }
    const problem = problemWith(body, {
      required: {
        model: isOneOf("rerank-2.5", "rerank-2.5-lite", "rerank-2", "rerank-2-lite"),
        query: isText(1, 1e6),
        documents: isListOf(isText(1, 1e7), 1, 1000),
      },
      optional: { top_k: isInteger(1), return_documents: isBoolean, truncation: isBoolean },
    });
    if (problem !== undefined) throw new Refusal(400, { detail: problem });
    const { model, query, documents, top_k, return_documents } = body as {
      model: string;
      query: string;
      documents: string[];
      top_k?: number;
      return_documents?: boolean;
    };
    const tokens = countTokens(query) * documents.length + documents.reduce((sum, text) => sum + countTokens(text), 0);
    if (tokens > 600_000) throw new Refusal(400, { detail: "The total number of tokens exceeds the limit of 600000." });
    const data = rank(query, documents, top_k).map(({ index, score }) => ({
      relevance_score: score,
      index,
      ...(return_documents ? { document: documents[index] } : {}),
    }));
    return { status: 200, body: { object: "list", data, model, usage: { total_tokens: tokens } } };
  },
};
