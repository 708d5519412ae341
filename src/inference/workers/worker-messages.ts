import type { TruncatedPair, WinningSpan } from "../../contracts/reranker.ts";
import { PgVectorDBError, type PgVectorDBErrorCode } from "../../errors.ts";
import type { Pooling } from "../compiler/sentence-pooling.ts";
import type { PreparedModel } from "../graphs/prepared-model.ts";
import type { LongDocumentPlan } from "../inputs/long-documents.ts";
import type { SharedModel } from "../native/native-session.ts";
import type { ClassificationHead } from "../repository/classification-head.ts";
import type { PartResult } from "./run-portions.ts";
import type { SharedTexts } from "./share-texts.ts";

export interface Texts {
  readonly texts: readonly string[];
}

/** Some of a call's texts. */
export interface TextPart extends Texts {
  /** `positions[i]` is the place of `texts[i]` in the caller's list. */
  readonly positions: readonly number[];
}

/** A model that scores pairs. */
export interface ClassifyTask {
  readonly kind: "classify";
  readonly request: { readonly query: string } & Texts;
  readonly result: {
    /** `logits[i]` belongs to `texts[i]`: the model's one score per pair. */
    readonly logits: readonly number[];
    /** By place in the caller's list. */
    readonly truncated: readonly TruncatedPair[];
    /** Tokens the model read, special tokens included. */
    readonly tokens: number;
    /** The best windows of the texts that were split, by place in the caller's list. */
    readonly spans: readonly WinningSpan[];
  };
  readonly setup: {
    readonly kind: "classify";
    readonly model: PreparedModel;
    readonly head: ClassificationHead;
    readonly longDocuments: LongDocumentPlan;
  };
}

/** A model that gives one vector per text. */
export interface EmbedTask {
  readonly kind: "embed";
  readonly request: Texts;
  readonly result: { readonly vectors: readonly Float32Array[] };
  readonly setup: {
    readonly kind: "embed";
    readonly model: PreparedModel;
    readonly pooling: Pooling;
    readonly normalize: boolean;
  };
}

export type InferenceTask = ClassifyTask | EmbedTask;

/** What a worker is started with. */
export interface WorkerStart {
  readonly setup: InferenceTask["setup"];
  /** See `NativeGate`. */
  readonly gateMemory: Int32Array;
  /** What another worker has loaded of this model. */
  readonly shared: SharedModel | undefined;
}

/** A request whose texts the workers share. */
export type SharedRequest<Task extends InferenceTask> = Omit<Task["request"], "texts"> & SharedTexts;

/** What a worker says of the model that it has loaded. */
export interface ModelFacts {
  /** Length of the vectors the model gives, 0 when the graph does not say. */
  readonly dimensions: number;
  /** By which another worker of this process can have the same weights, where they can be shared. */
  readonly shared: SharedModel | undefined;
}

export type ToWorker =
  | { readonly type: "run"; readonly id: number; readonly request: SharedRequest<InferenceTask> }
  | { readonly type: "close" };

export type FromWorker =
  | ({ readonly type: "ready" } & ModelFacts)
  | { readonly type: "failed"; readonly error: PackedError }
  | { readonly type: "result"; readonly id: number; readonly result: readonly PartResult<InferenceTask>[] }
  | { readonly type: "error"; readonly id: number; readonly error: PackedError };

/** An error as plain data: structured clone keeps neither the class nor the code. */
export interface PackedError {
  readonly code: PgVectorDBErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly cause: string | undefined;
}

export function packError(error: unknown): PackedError {
  if (error instanceof PgVectorDBError) {
    const { code, message, retryable, cause } = error;
    return { code, message, retryable, cause: cause === undefined ? undefined : describe(cause) };
  }
  return {
    code: "inference_failed",
    message: "The inference worker failed in an unexpected way.",
    retryable: false,
    cause: describe(error),
  };
}

export function unpackError({ code, message, retryable, cause }: PackedError): PgVectorDBError {
  return new PgVectorDBError(code, message, {
    retryable,
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
