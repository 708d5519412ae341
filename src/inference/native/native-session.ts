import { PgVectorDBError } from "../../errors.ts";
import type { EncodedInput } from "../inputs/pair-encoder.ts";
import type { ModelOutput, ModelSession } from "../sessions/model-session.ts";
import type { NativeGate } from "../sessions/native-gate.ts";
import type { NativeAddon, NativeArithmetic, NativeModel, NativeShape } from "./native-addon.ts";

/**
 * Of checkpoints: weights come from the third cache or from memory for each run, and those of float32 are four times as large. With
 * 512 tokens int8 by tiles would be 6 % faster, and a small call would wait twice as long behind a large one.
 */
export const CHECKPOINT_BATCH_TOKENS: Readonly<Record<NativeArithmetic, number>> = { int8: 256, float32: 512 };

/** How a model is run. */
export interface NativeUse extends Pick<NativeShape, "types"> {
  /** By the name that a compiled graph has for it, and how many numbers a text has of it. */
  readonly output: { readonly name: "logits" | "embedding"; readonly width: number };
  /** Nothing is padded, so more would only make an abort wait: the products' blocks are full by then. */
  readonly batchTokens: number;
}

/** @param labels of the head, where there is one */
export function outputNamed(labels: number | undefined, hidden: number): NativeUse["output"] {
  return labels === undefined ? { name: "embedding", width: hidden } : { name: "logits", width: labels };
}

export interface NativeParts extends NativeUse {
  readonly addon: NativeAddon;
  readonly model: NativeModel;
}

/** A model whose weights other threads of the process may have too. Plain data: it is sent to them. */
export interface SharedModel extends NativeUse {
  /** As `NativeAddon.shareModel` gives it. */
  readonly id: number;
}

/** A cross-encoder or an embedder in our own kernels. Only for worker threads: a run holds its thread. */
export class NativeSession implements ModelSession {
  readonly maxBatch = Number.POSITIVE_INFINITY;
  readonly batchTokens: number;
  readonly readsPrefixOnce = false;
  readonly outputNames: readonly string[];
  readonly #parts: NativeParts;
  readonly #gate: NativeGate;

  constructor(parts: NativeParts, gate: NativeGate) {
    this.batchTokens = parts.batchTokens;
    this.outputNames = [parts.output.name];
    this.#parts = parts;
    this.#gate = gate;
  }

  get shared(): SharedModel {
    const { addon, model, types, output, batchTokens } = this.#parts;
    return { id: addon.shareModel(model), types, output, batchTokens };
  }

  outputDims(name: string): readonly (number | string)[] | undefined {
    const { output } = this.#parts;
    return name === output.name ? ["batch", output.width] : undefined;
  }

  async run(batch: readonly EncodedInput[]): Promise<ModelOutput> {
    const { addon, model, output } = this.#parts;
    const { ids, types, lengths } = pack(batch, this.#parts.types > 1);
    try {
      const data = await this.#gate.pass(async () => addon.run(model, ids, types, lengths));
      return { data, dims: [batch.length, output.width] };
    } catch (cause) {
      const reason = cause instanceof Error ? ` ${cause.message}` : "";
      throw new PgVectorDBError("inference_failed", `The native engine failed while running the model.${reason}`, {
        cause,
      });
    }
  }

  async dispose(): Promise<void> {
    const { addon, model } = this.#parts;
    await this.#gate.pass(async () => addon.release(model));
  }
}

/** One behind the other, nothing in between. */
function pack(batch: readonly EncodedInput[], hasTypes: boolean) {
  const lengths = Int32Array.from(batch, (input) => input.ids.length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const ids = new Int32Array(total);
  const types = new Int32Array(total);
  let start = 0;
  for (const input of batch) {
    ids.set(input.ids, start);
    // A model of one type sees that one whatever the tokenizer says, as in a compiled graph.
    if (hasTypes) types.set(input.typeIds, start);
    start += input.ids.length;
  }
  return { ids, types, lengths };
}
