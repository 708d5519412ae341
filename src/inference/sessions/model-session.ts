import type { EncodedInput } from "../inputs/pair-encoder.ts";

/** One output of a run, row-major. */
export interface ModelOutput {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** An open model, whatever runs it. */
export interface ModelSession {
  /** Most inputs of one run. */
  readonly maxBatch: number;
  /** Tokens of one run past which more gain nothing, padding included. An input longer than this runs alone. */
  readonly batchTokens: number;
  /** Whether a run reads only what follows the `prefixTokens` of its inputs, whose prefix is read once for many of them. */
  readonly readsPrefixOnce: boolean;
  readonly outputNames: readonly string[];
  /** Lengths of an output, names for those that vary, or `undefined` when the model has none of this name. */
  outputDims(name: string): readonly (number | string)[] | undefined;
  /** Row `i` of the output belongs to `batch[i]`. @throws PgVectorDBError `inference_failed` */
  run(batch: readonly EncodedInput[], outputName: string): Promise<ModelOutput>;
  dispose(): Promise<void>;
}
