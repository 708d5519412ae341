import type { LongDocumentPlan } from "./inputs/long-documents.ts";
import { type LoadOptions, LocalModel, type ProgressListener } from "./local-model.ts";
import type { ModelSource } from "./prepare-model.ts";
import { chooseHead } from "./repository/classification-head.ts";
import type { ClassifierChoices } from "./repository/classifier-use.ts";
import { emitProcessWarning, selfCheck, type WarningListener } from "./self-check.ts";
import type { ClassifyTask } from "./workers/worker-messages.ts";

export interface SequenceClassifierOptions extends ModelSource, ClassifierChoices {
  /** Default: documents are cut. */
  readonly longDocuments?: Partial<LongDocumentPlan> | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Calls that may wait or run at once. Default 256. */
  readonly maxPending?: number | undefined;
  /** Whether a pair is scored after loading to see that the model does something. Default `true`. */
  readonly selfCheck?: boolean | undefined;
  /** Told what the check finds. Default: a warning of the process. */
  readonly onWarning?: WarningListener | undefined;
}

/** A model that reads a query and a text together and gives one score. Constructing it loads nothing. */
export class SequenceClassifier {
  readonly #model: LocalModel<ClassifyTask>;
  readonly #onProgress: ProgressListener | undefined;

  constructor(options: SequenceClassifierOptions) {
    this.#onProgress = options.onProgress;
    const { onWarning = emitProcessWarning } = options;
    this.#model = new LocalModel<ClassifyTask>(
      async (context) => {
        // The hub and the compiler come with it: imported late, a program that only calls services never loads them.
        const [{ prepareModel }, { decideClassifierUse }] = await Promise.all([
          import("./prepare-model.ts"),
          import("./repository/classifier-use.ts"),
        ]);
        const { model, use } = await prepareModel(options, context, async (located, config) => ({
          ...(await decideClassifierUse(located, config, options)),
          labels: config.labels,
        }));
        const head = use.head ?? chooseHead(use.labels, options.relevantLabel);
        const longDocuments = {
          mode: "truncate",
          overlap: undefined,
          pooling: "max",
          ...options.longDocuments,
        } as const;
        return { kind: "classify", model, head, longDocuments };
      },
      {
        maxPending: options.maxPending,
        check: async (setup, score) => {
          if (options.selfCheck === false) return;
          const problem = await selfCheck(
            setup.model.id,
            async (query, texts) => (await score({ query, texts })).logits,
          );
          if (problem !== undefined) onWarning(problem);
        },
      },
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
