import { checkNotNegative } from "../check-options.ts";
import type { Embedder, EmbedOptions, Vector } from "../contracts/embedder.ts";
import { withDeadline } from "../deadline.ts";
import { PgVectorDBError } from "../errors.ts";
import { checkText, checkTexts } from "./embed-arguments.ts";

export interface EmbedCall {
  /** Fires when the caller aborts. */
  readonly signal: AbortSignal;
}

/** `result[i]` belongs to `texts[i]`. */
export type EmbedTexts = (texts: readonly string[], call: EmbedCall) => readonly Vector[] | Promise<readonly Vector[]>;

export type EmbedText = (text: string, call: EmbedCall) => Vector | Promise<Vector>;

interface EmbedderIdentity {
  /** Names the model and its version: a collection remembers it and refuses another. */
  readonly id: string;
  /** Length of every vector: a positive integer. */
  readonly dimensions: number;
  /** As `Embedder.hybridWeight`. */
  readonly hybridWeight?: number | undefined;
}

export type FunctionEmbedderOptions = EmbedderIdentity &
  (
    | {
        /** Embeds documents and queries alike. */
        readonly embed: EmbedTexts;
        readonly embedDocuments?: undefined;
        readonly embedQuery?: undefined;
      }
    | {
        readonly embed?: undefined;
        /** Embeds documents, with the prefix that the model wants for them. */
        readonly embedDocuments: EmbedTexts;
        /** Embeds a query, with the prefix that the model wants for it. */
        readonly embedQuery: EmbedText;
      }
  );

/**
 * An embedder from your own functions. Their answers are checked: one vector per text, `dimensions` long, every value finite.
 *
 * @example
 * ```ts
 * const embedder = fromFunction({
 *   id: "my-service/v1",
 *   dimensions: 384,
 *   embed: (texts, { signal }) => callMyService(texts, signal),
 * });
 * ```
 * @throws PgVectorDBError `invalid_argument`
 */
export function fromFunction(options: FunctionEmbedderOptions): Embedder {
  checkEmbedderOptions(options);
  return new FunctionEmbedder(options);
}

class FunctionEmbedder implements Embedder {
  readonly id: string;
  readonly dimensions: number;
  readonly hybridWeight: number | undefined;
  readonly #embedTexts: EmbedTexts;
  readonly #embedText: EmbedText | undefined;

  constructor(options: FunctionEmbedderOptions) {
    this.id = options.id;
    this.dimensions = options.dimensions;
    this.hybridWeight = options.hybridWeight;
    this.#embedTexts = options.embed ?? options.embedDocuments;
    this.#embedText = options.embedQuery;
  }

  async embedDocuments(texts: readonly string[], options?: EmbedOptions): Promise<readonly Vector[]> {
    const checked = checkTexts(texts, options);
    return withDeadline({ signal: options?.signal }, (signal) => this.#embedAll(checked, signal));
  }

  async embedQuery(text: string, options?: EmbedOptions): Promise<Vector> {
    const checked = checkText(text, options);
    return withDeadline({ signal: options?.signal }, async (signal) => {
      if (this.#embedText === undefined) return (await this.#embedAll([checked], signal))[0] as Vector;
      const vector = await this.#embedText(checked, { signal });
      this.#checkVector(vector, 0);
      return vector;
    });
  }

  async #embedAll(texts: readonly string[], signal: AbortSignal): Promise<readonly Vector[]> {
    if (texts.length === 0) return [];
    const vectors: unknown = await this.#embedTexts(texts, { signal });
    if (!Array.isArray(vectors) || vectors.length !== texts.length) {
      const got = Array.isArray(vectors) ? `${vectors.length} vectors` : `${typeof vectors} instead of an array`;
      throw this.#broken(`answered ${texts.length} texts with ${got}`);
    }
    for (const [index, vector] of vectors.entries()) this.#checkVector(vector, index);
    return vectors as Vector[];
  }

  #checkVector(vector: unknown, index: number): void {
    if (!Array.isArray(vector) && !(vector instanceof Float32Array)) {
      throw this.#broken(`gave text ${index} something that is neither an array nor a Float32Array`);
    }
    if (vector.length !== this.dimensions) {
      throw this.#broken(`gave text ${index} ${vector.length} dimensions where \`dimensions\` says ${this.dimensions}`);
    }
    // Not `every`, which steps over the holes of an array.
    for (const value of vector as Iterable<unknown>) {
      if (!Number.isFinite(value)) throw this.#broken(`gave text ${index} a value that is not a finite number`);
    }
  }

  #broken(what: string): PgVectorDBError {
    return new PgVectorDBError("invalid_response", `The embedder "${this.id}" ${what}.`);
  }
}

const OPTION_NAMES = ["id", "dimensions", "hybridWeight", "embed", "embedDocuments", "embedQuery"];

function checkEmbedderOptions(options: unknown): void {
  if (typeof options !== "object" || options === null) throw invalid("`options` must be an object.");
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.includes(name)) {
      throw invalid(`Unknown option \`${name}\`. Known: ${OPTION_NAMES.join(", ")}.`);
    }
  }
  const { id, dimensions, hybridWeight, embed, embedDocuments, embedQuery } = options as Record<string, unknown>;
  if (typeof id !== "string" || id.trim() === "") {
    throw invalid("`id` must be a string that names the model and its version: a collection remembers it.");
  }
  if (!Number.isSafeInteger(dimensions) || (dimensions as number) < 1) {
    throw invalid("`dimensions` must be a positive integer, the length of every vector.");
  }
  checkNotNegative("hybridWeight", hybridWeight);
  const both = typeof embedDocuments === "function" && typeof embedQuery === "function" && embed === undefined;
  const one = typeof embed === "function" && embedDocuments === undefined && embedQuery === undefined;
  if (!both && !one) {
    throw invalid("Give either the function `embed`, or the functions `embedDocuments` and `embedQuery`.");
  }
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
