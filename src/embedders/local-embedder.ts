import type { Embedder, EmbedOptions } from "../contracts/embedder.ts";
import { PgVectorDBError } from "../errors.ts";
import type { Pooling } from "../inference/compiler/sentence-pooling.ts";
import type { LoadOptions } from "../inference/local-model.ts";
import { checkLocalModelOptions, type LocalModelOptions, optionChecks } from "../inference/local-model-options.ts";
import { SentenceEncoder } from "../inference/sentence-encoder.ts";

export interface LocalEmbedderOptions extends Omit<LocalModelOptions, "model"> {
  /** A Hugging Face id (`"owner/name"`) or the path of a folder, with a checkpoint that is compiled or an ONNX file. */
  readonly model: string;
  /** `"last"` for language models, and only for them. Default: as the repository's `1_Pooling/config.json` says, `"mean"` without one. */
  readonly pooling?: Pooling | undefined;
  /** Whether vectors get length 1. Default: as the repository says, `true` when it does not. */
  readonly normalize?: boolean | undefined;
  /**
   * Put before every query, as models such as e5 (`"query: "`) and bge want it. Default: the prompt that
   * sentence-transformers' `encode_query` would take from the repository, nothing where it has none.
   */
  readonly queryPrefix?: string | undefined;
  /** Put before every document, as e5 (`"passage: "`) wants it. Default: as `encode_document` would, nothing where the repository has none. */
  readonly documentPrefix?: string | undefined;
  /** As `Embedder.hybridWeight`. */
  readonly hybridWeight?: number | undefined;
  /** Names the embedder for the collections it fills. Default: made of the model and every option that changes a vector. */
  readonly id?: string | undefined;
  /** Stops the loading. */
  readonly signal?: AbortSignal | undefined;
}

export interface LocalEmbedder
  extends Required<Omit<Embedder, "hybridWeight">>,
    Pick<Embedder, "hybridWeight">,
    AsyncDisposable {}

const isString = (value: unknown) => typeof value === "string";

/**
 * Loads a sentence-embedding model into a worker thread. It resolves when the model is there, because `dimensions` is the
 * model's to say. A text longer than the model reads is cut.
 *
 * @throws PgVectorDBError `invalid_argument`, `model_not_found`, `model_invalid`, `missing_dependency`, `network`, `aborted`
 * @example
 * ```ts
 * const embedder = await createLocalEmbedder({ model: "./models/all-MiniLM-L6-v2" });
 * const vectors = await embedder.embedDocuments(["first text", "second text"]);
 * ```
 */
export async function createLocalEmbedder(options: LocalEmbedderOptions): Promise<LocalEmbedder> {
  checkOptions(options);
  const { signal, id, queryPrefix, documentPrefix, hybridWeight, ...source } = options;
  const { device = "cpu", dtype = "fp32", batchSize = 32, maxLength = 512 } = source;
  const encoder = new SentenceEncoder({ ...source, device, dtype, batchSize, maxLength });
  try {
    const stated = await encoder.load({ signal });
    const dimensions = stated > 0 ? stated : await measureDimensions(encoder, signal);
    const { query, document } = encoder.prompts;
    const prefixes = { queryPrefix: queryPrefix ?? query, documentPrefix: documentPrefix ?? document };
    return new LoadedEmbedder(encoder, {
      id: id ?? describe(options, prefixes),
      dimensions,
      hybridWeight,
      ...prefixes,
    });
  } catch (error) {
    await encoder.close();
    throw error;
  }
}

interface LoadedFacts extends Pick<Embedder, "id" | "dimensions" | "hybridWeight"> {
  readonly queryPrefix: string;
  readonly documentPrefix: string;
}

class LoadedEmbedder implements LocalEmbedder {
  readonly id: string;
  readonly dimensions: number;
  readonly hybridWeight: number | undefined;
  readonly #encoder: SentenceEncoder;
  readonly #queryPrefix: string;
  readonly #documentPrefix: string;

  constructor(encoder: SentenceEncoder, facts: LoadedFacts) {
    this.#encoder = encoder;
    this.id = facts.id;
    this.dimensions = facts.dimensions;
    this.hybridWeight = facts.hybridWeight;
    this.#queryPrefix = facts.queryPrefix;
    this.#documentPrefix = facts.documentPrefix;
  }

  async embedDocuments(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    if (!Array.isArray(texts) || !texts.every(isString)) {
      throw new PgVectorDBError("invalid_argument", "`texts` must be an array of strings.");
    }
    if (texts.length === 0) return [];
    return this.#encoder.embed(
      texts.map((text) => this.#documentPrefix + text.toWellFormed()),
      { signal },
    );
  }

  async embedQuery(text: string, { signal }: EmbedOptions = {}): Promise<Float32Array> {
    if (!isString(text)) throw new PgVectorDBError("invalid_argument", "`text` must be a string.");
    const [vector] = await this.#encoder.embed([this.#queryPrefix + text.toWellFormed()], { signal });
    return vector as Float32Array;
  }

  /** Starts the worker again where it has died; otherwise the model is loaded already. */
  async load(options: LoadOptions = {}): Promise<void> {
    await this.#encoder.load(options);
  }

  async close(): Promise<void> {
    await this.#encoder.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checkOptions(options: LocalEmbedderOptions): void {
  const prefix = ["a string", isString] as const;
  checkLocalModelOptions(options, {
    pooling: optionChecks.oneOf(["mean", "cls", "last"] satisfies Pooling[]),
    normalize: optionChecks.flag,
    queryPrefix: prefix,
    documentPrefix: prefix,
    hybridWeight: optionChecks.weight,
    id: optionChecks.text,
    signal: ["an AbortSignal", (value) => value instanceof AbortSignal],
  });
  if (options.model === undefined || options.model === "builtin") {
    throw new PgVectorDBError(
      "invalid_argument",
      "`model` must be a Hugging Face id or the path of a folder; the built-in embedder has a function of its own.",
    );
  }
}

async function measureDimensions(encoder: SentenceEncoder, signal: AbortSignal | undefined): Promise<number> {
  const [vector] = await encoder.embed(["dimensions"], { signal });
  return (vector as Float32Array).length;
}

/** Everything that changes a vector is in the id, so that a collection never mixes two kinds. */
function describe(
  options: LocalEmbedderOptions,
  prefixes: { readonly queryPrefix: string; readonly documentPrefix: string },
): string {
  const { model, revision, dtype, pooling, normalize, maxLength } = options;
  // An empty one is the same as none, unless the caller leaves out what the repository names.
  const queryPrefix = options.queryPrefix ?? (prefixes.queryPrefix || undefined);
  const documentPrefix = options.documentPrefix ?? (prefixes.documentPrefix || undefined);
  const settings = { revision, dtype, pooling, normalize, maxLength, queryPrefix, documentPrefix };
  const stated = Object.entries(settings).filter(([, value]) => value !== undefined);
  const suffix = stated.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",");
  return suffix === "" ? `local:${model}` : `local:${model}?${suffix}`;
}
