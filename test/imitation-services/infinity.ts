import type { Dialect } from "./imitation-service.ts";
import { isBoolean, isInteger, isListOf, isString, isText, problemWith, Refusal } from "./strict-body.ts";

/** Infinity's `POST /rerank`: the shape that many gateways speak, sending documents back unless told not to. */
export const infinity: Dialect = {
  error: (status, message) => ({ error: { message, type: "invalid_request_error", code: status } }),
  respond({ path, body }, rank) {
    if (path !== "/rerank") throw new Refusal(404, { detail: "Not Found" });
    const problem = problemWith(body, {
      required: { query: isText(1, 122_880), documents: isListOf(isText(1, 122_880), 1, 2048) },
      optional: { model: isString, return_documents: isBoolean, raw_scores: isBoolean, top_n: isInteger(1) },
    });
    if (problem !== undefined) throw new Refusal(422, { detail: [{ loc: ["body"], msg: problem, input: body }] });
    const { query, documents, top_n, return_documents } = body as {
      query: string;
      documents: string[];
      top_n?: number;
      return_documents?: boolean;
    };
    const results = rank(query, documents, top_n).map(({ index, score }) => ({
      relevance_score: score,
      index,
      ...(return_documents ? { document: documents[index] } : {}),
    }));
    const usage = { prompt_tokens: 5 * documents.length, total_tokens: 5 * documents.length };
    return {
      status: 200,
      body: { object: "rerank", results, model: "default/not-specified", usage, id: "i", created: 1 },
    };
  },
};
