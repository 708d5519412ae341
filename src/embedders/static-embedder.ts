import type { Embedder, EmbedOptions } from "../contracts/embedder.ts";
import { withDeadline } from "../deadline.ts";
import { PgVectorDBError } from "../errors.ts";
import { loadOnce } from "../load-once.ts";
import { checkText, checkTexts } from "./embed-arguments.ts";
import { EventLoopTurn } from "./event-loop-turn.ts";
import { loadStaticModel, type StaticModel } from "./static-model.ts";
import { readStaticModelConfig, type StaticModelConfig } from "./static-model-config.ts";
import { TokenVectorSum } from "./token-vector-sum.ts";

export interface StaticEmbedderOptions {
  /** The folder with `config.json`, `tokenizer.json` and `model.safetensors`. */
  readonly folder: string;
}

/** Characters that are tokenised before the clock is looked at. */
const SLICE_LENGTH = 4096;

/**
 * An embedder that adds up one vector per token: no neural network, tens of thousands of short texts a second.
 *
 * A vector is the sum of its tokens' vectors divided by its length. A text without tokens (blank, or control
 * characters alone) gets the vector whose values are all 1 / √dimensions, which is valid and near nothing in particular.
 * Constructing reads only `config.json`; the rest is loaded by the first call or by `load()`.
 *
 * @throws PgVectorDBError `invalid_argument`, `model_not_found`, `model_invalid`
 */
export function createStaticEmbedder(options: StaticEmbedderOptions): Embedder {
  const folder: unknown = options?.folder;
  if (typeof folder !== "string" || folder === "") {
    throw new PgVectorDBError("invalid_argument", "`folder` must be the path of a static model's folder.");
  }
  for (const name of Object.keys(options)) {
    if (name !== "folder") throw new PgVectorDBError("invalid_argument", `Unknown option \`${name}\`. Known: folder.`);
  }
  return new StaticEmbedder(folder, readStaticModelConfig(folder));
}

class StaticEmbedder implements Embedder {
  readonly id: string;
  readonly dimensions: number;
  readonly hybridWeight: number | undefined;
  readonly #maxTokens: number;
  #model: (() => Promise<StaticModel>) | undefined;

  constructor(folder: string, config: StaticModelConfig) {
    this.id = config.id;
    this.dimensions = config.dimensions;
    this.hybridWeight = config.hybridWeight;
    this.#maxTokens = config.maxTokens ?? Number.POSITIVE_INFINITY;
    this.#model = loadOnce(() => loadStaticModel(folder, config));
  }

  async embedDocuments(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]> {
    return this.#embed(checkTexts(texts, options), options?.signal);
  }

  async embedQuery(text: string, options?: EmbedOptions): Promise<Float32Array> {
    const [vector] = await this.#embed([checkText(text, options)], options?.signal);
    return vector as Float32Array;
  }

  async load(options?: EmbedOptions): Promise<void> {
    await withDeadline({ signal: options?.signal }, () => this.#loadModel());
  }

  async close(): Promise<void> {
    this.#model = undefined;
  }

  async #embed(texts: readonly string[], signal: AbortSignal | undefined): Promise<Float32Array[]> {
    return withDeadline({ signal }, async (deadline) => {
      if (texts.length === 0) return [];
      const model = await this.#loadModel();
      const turn = new EventLoopTurn(deadline);
      const sum = new TokenVectorSum(model, this.dimensions);
      const vectors: Float32Array[] = [];
      for (const text of texts) {
        let tokensLeft = this.#maxTokens;
        for (const ids of model.tokenizer.encodeSlices(text, SLICE_LENGTH)) {
          sum.add(ids, Math.min(ids.length, tokensLeft));
          tokensLeft -= ids.length;
          if (turn.isOver()) await turn.next();
          if (tokensLeft <= 0) break;
        }
        vectors.push(sum.takeUnitVector());
      }
      return vectors;
    });
  }

  async #loadModel(): Promise<StaticModel> {
    if (this.#model === undefined) throw new PgVectorDBError("closed", `The embedder "${this.id}" was closed.`);
    return this.#model();
  }
}
