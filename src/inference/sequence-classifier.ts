import { chooseHead } from "./classification-head.ts";
import { type LoadOptions, LocalModel, type ProgressListener } from "./local-model.ts";
import type { ModelSource } from "./prepare-model.ts";
import type { ClassifyTask } from "./worker-messages.ts";

export interface SequenceClassifierOptions extends ModelSource {
  /** The label that means "relevant", for models with more than two. */
  readonly relevantLabel?: string | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Calls that may wait or run at once. Default 256. */
  readonly maxPending?: number | undefined;
}

/** A model that reads a query and a text together and gives one score. Constructing it loads nothing. */
export class SequenceClassifier {
  readonly #model: LocalModel<ClassifyTask>;
  readonly #onProgress: ProgressListener | undefined;

  constructor(options: SequenceClassifierOptions) {
    this.#onProgress = options.onProgress;
    this.#model = new LocalModel<ClassifyTask>(
      async (context) => {
        // The hub and the compiler come with it: imported late, a program that only calls services never loads them.
        const { prepareModel } = await import("./prepare-model.ts");
        const { model, config } = await prepareModel(options, context, async () => ({ output: "logits" }));
        return { kind: "classify", model, head: chooseHead(config.labels, options.relevantLabel) };
      },
      { maxPending: options.maxPending },
    );
  }

  async load(options: LoadOptions = {}): Promise<void> {
    await this.#model.load({ onProgress: this.#onProgress, ...options });
  }

  /** `logits[i]` belongs to `texts[i]`. Calls take turns, batch by batch. */
  async score(
    query: string,
    texts: readonly string[],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ClassifyTask["result"]> {
    return this.#model.run({ query, texts }, { onProgress: this.#onProgress, ...options });
  }

  async close(): Promise<void> {
    await this.#model.close();
  }
}
