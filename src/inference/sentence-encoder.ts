import type { Pooling } from "./compiler/sentence-pooling.ts";
import { type LoadOptions, LocalModel, type ProgressListener } from "./local-model.ts";
import type { ModelSource } from "./prepare-model.ts";
import { readSentenceConfig } from "./repository/sentence-config.ts";
import { readSentencePrompts, type SentencePrompts } from "./repository/sentence-prompts.ts";
import type { EmbedTask } from "./workers/worker-messages.ts";

export interface SentenceEncoderOptions extends ModelSource {
  /** Default: as the repository says, `"mean"` when it does not. */
  readonly pooling?: Pooling | undefined;
  /** Whether vectors get length 1. Default: as the repository says, `true` when it does not. */
  readonly normalize?: boolean | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/** A model that turns each text into one vector. Constructing it loads nothing. */
export class SentenceEncoder {
  readonly #model: LocalModel<EmbedTask>;
  readonly #onProgress: ProgressListener | undefined;
  #prompts: SentencePrompts = { query: "", document: "" };

  constructor(options: SentenceEncoderOptions) {
    this.#onProgress = options.onProgress;
    this.#model = new LocalModel<EmbedTask>(async (context) => {
      const { prepareModel } = await import("./prepare-model.ts");
      const { model, use } = await prepareModel(options, context, async (located) => {
        // A repository whose pooling is not supported can still be used by a caller who names one.
        this.#prompts = await readSentencePrompts(located);
        const { pooling, modules, normalize } = await readSentenceConfig(located, options.pooling);
        return { output: "embedding", pooling, modules, normalize: false, asConfigured: normalize } as const;
      });
      return {
        kind: "embed",
        model,
        pooling: use.pooling ?? "mean",
        normalize: options.normalize ?? use.asConfigured ?? true,
      };
    });
  }

  /** Resolves to the length of the vectors, 0 when the graph does not say. */
  async load(options: LoadOptions = {}): Promise<number> {
    return this.#model.load({ onProgress: this.#onProgress, ...options });
  }

  /** What the repository wants put before texts; nothing before the model is loaded. `embed` leaves it to the caller. */
  get prompts(): SentencePrompts {
    return this.#prompts;
  }

  /** `result[i]` belongs to `texts[i]`. */
  async embed(
    texts: readonly string[],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<readonly Float32Array[]> {
    const { vectors } = await this.#model.run({ texts }, { onProgress: this.#onProgress, ...options });
    return vectors;
  }

  async close(): Promise<void> {
    await this.#model.close();
  }
}
