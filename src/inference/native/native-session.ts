import { PgVectorDBError } from "../../errors.ts";
import type { ModelOutput, ModelSession } from "../model-session.ts";
import type { NativeGate } from "../native-gate.ts";
import type { EncodedInput } from "../pair-encoder.ts";
import type { NativeAddon, NativeModel, NativeShape } from "./native-addon.ts";

const OUTPUT = "logits";

/** What goes in and comes out, and how much of it at a time. */
export interface NativePorts extends Pick<NativeShape, "types" | "labels"> {
  /** The products' blocks are full by then; nothing is padded, so more would only make an abort wait. */
  readonly batchTokens: number;
}

/** A cross-encoder in our own int8 kernels. Only for worker threads: a run holds its thread. */
export class NativeSession implements ModelSession {
  readonly maxBatch = Number.POSITIVE_INFINITY;
  readonly batchTokens: number;
  readonly outputNames = [OUTPUT];
  readonly #addon: NativeAddon;
  readonly #model: NativeModel;
  readonly #ports: NativePorts;
  readonly #gate: NativeGate;

  constructor(addon: NativeAddon, model: NativeModel, ports: NativePorts, gate: NativeGate) {
    this.#addon = addon;
    this.#model = model;
    this.#ports = ports;
    this.batchTokens = ports.batchTokens;
    this.#gate = gate;
  }

  outputDims(name: string): readonly (number | string)[] | undefined {
    return name === OUTPUT ? ["batch", this.#ports.labels] : undefined;
  }

  async run(batch: readonly EncodedInput[]): Promise<ModelOutput> {
    const { ids, types, lengths } = pack(batch, this.#ports.types > 1);
    try {
      const data = await this.#gate.pass(async () => this.#addon.run(this.#model, ids, types, lengths));
      return { data, dims: [batch.length, this.#ports.labels] };
    } catch (cause) {
      throw new PgVectorDBError("inference_failed", "The native engine failed while running the model.", { cause });
    }
  }

  async dispose(): Promise<void> {
    await this.#gate.pass(async () => this.#addon.release(this.#model));
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
