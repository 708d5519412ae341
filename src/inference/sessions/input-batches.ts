import type { PreparedModel } from "../graphs/prepared-model.ts";
import type { EncodedInput } from "../inputs/pair-encoder.ts";
import type { ModelSession } from "./model-session.ts";
import { planBatches } from "./plan-batches.ts";

/** Inputs encoded and sorted at once. It bounds memory for calls with very many texts; batches within it are even enough. */
const WINDOW = 1024;
/** Texts tokenised before other calls get a turn. The native tokenizer works on some of them at once. */
const ENCODED_PER_STEP = 16;
/** Tokens whose keys are side by side in a run behind a prefix: many short texts would each take a copy of a long one. */
const MOST_KEYS = 8192;

export interface InputBatch<Input extends EncodedInput> {
  readonly inputs: readonly Input[];
  /** `positions[i]` is the place of `inputs[i]` among the texts. */
  readonly positions: readonly number[];
}

/**
 * Encodes texts and hands them out in batches of like length; `undefined` marks the end of a step, of which there is none
 * after the last batch. The last texts are encoded in the step of the first batch: few texts take as many turns as the
 * model has runs.
 */
export async function* encodeInBatches<Input extends EncodedInput>(
  texts: readonly string[],
  encode: (text: string) => Promise<Input>,
  limits: {
    readonly model: Pick<PreparedModel, "batchSize">;
    readonly session: Pick<ModelSession, "maxBatch" | "batchTokens" | "readsPrefixOnce">;
  },
): AsyncGenerator<InputBatch<Input> | undefined, void, undefined> {
  const { batchTokens, maxBatch, readsPrefixOnce } = limits.session;
  const prefixOf = ({ prefixTokens = 0 }: EncodedInput) => (readsPrefixOnce ? prefixTokens : 0);
  const most = Math.min(limits.model.batchSize, maxBatch);
  for (let start = 0; start < texts.length; start += WINDOW) {
    if (start > 0) yield undefined;
    const inputs: Input[] = [];
    const window = texts.slice(start, start + WINDOW);
    for (let i = 0; i < window.length; i += ENCODED_PER_STEP) {
      if (i > 0) yield undefined;
      inputs.push(...(await Promise.all(window.slice(i, i + ENCODED_PER_STEP).map(encode))));
    }
    const lengths = inputs.map((input) => input.ids.length - prefixOf(input));
    const longestPrefix = Math.max(...inputs.map(prefixOf));
    const batchSize = longestPrefix === 0 ? most : Math.max(1, Math.min(most, Math.floor(MOST_KEYS / longestPrefix)));
    for (const [i, batch] of planBatches(lengths, { batchSize, batchTokens }).entries()) {
      if (i > 0) yield undefined;
      yield {
        inputs: batch.map((position) => inputs[position] as Input),
        positions: batch.map((position) => start + position),
      };
    }
  }
}
