import type { Dialect } from "./imitation-service.ts";
import { isBoolean, isListOf, isOneOf, isString, problemWith, Refusal } from "./strict-body.ts";

const MAX_CLIENT_BATCH_SIZE = 32;
const PAYLOAD_LIMIT = 2_000_000;

/** `POST /rerank` of text-embeddings-inference with its default flags. */
export const tei: Dialect = {
  error: (_status, message) => ({ error: message, error_type: "backend" }),
  respond({ path, body }, rank) {
    if (path !== "/rerank") throw new Refusal(404, {});
    if (Buffer.byteLength(JSON.stringify(body)) > PAYLOAD_LIMIT)
      throw new Refusal(413, { error: "length limit exceeded" });
    const problem = problemWith(body, {
      required: { query: isString, texts: isListOf(isString, 0, 1e6) },
      optional: {
        truncate: isBoolean,
        truncation_direction: isOneOf("left", "right", "Left", "Right"),
        raw_scores: isBoolean,
        return_text: isBoolean,
      },
    });
    if (problem !== undefined) throw new Refusal(422, { error: problem, error_type: "validation" });
    const { query, texts, raw_scores, return_text } = body as {
      query: string;
      texts: string[];
      raw_scores?: boolean;
      return_text?: boolean;
    };
    if (texts.length === 0) throw new Refusal(400, { error: "`texts` cannot be empty", error_type: "empty" });
    if (texts.some((text) => text === ""))
      throw new Refusal(400, { error: "`inputs` cannot be empty", error_type: "empty" });
    if (texts.length > MAX_CLIENT_BATCH_SIZE) {
      const error = `batch size ${texts.length} > maximum allowed batch size ${MAX_CLIENT_BATCH_SIZE}`;
      throw new Refusal(422, { error, error_type: "validation" });
    }
    const results = rank(query, texts).map(({ index, score }) => ({
      index,
      score: raw_scores ? Math.log(score / (1 - score)) : score,
      ...(return_text ? { text: texts[index] } : {}),
    }));
    return {
      status: 200,
      body: results,
      headers: { "x-compute-tokens": String(7 * texts.length), "x-total-time": "3" },
    };
  },
};
