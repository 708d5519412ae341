import { PgVectorDBError } from "../../errors.ts";
import { checkCompilable } from "../compiler/architectures/architecture-of.ts";
import { type CompileOptions, headUse } from "../compiler/compile-model.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { readModelJson } from "../repository/model-config.ts";
import type { GraphPurpose } from "../repository/model-use.ts";
import { isLanguageModel } from "../repository/prompt-templates.ts";
import { chooseOnnxFile, externalDataOf, type ModelDtype } from "./choose-onnx-file.ts";
import { detectCpu } from "./cpu.ts";

export interface GraphRequest {
  readonly dtype: ModelDtype;
  readonly purpose: GraphPurpose;
}

/** A checkpoint that is to be compiled, and which file of the model it is: the weights, or the index of their shards. */
export interface CheckpointPlan {
  readonly kind: "checkpoint";
  readonly file: string;
  readonly dtype: "fp32" | "int8";
  readonly config: Readonly<Record<string, unknown>>;
  readonly options: CompileOptions;
}

export interface OnnxPlan {
  readonly kind: "onnx";
  readonly file: string;
  /** Files with its weights, beside it. */
  readonly externalData: readonly string[];
  readonly dtype: "fp32" | "fp16" | "int8";
  /** Why the checkpoint is not compiled, where there is one. */
  readonly reason: string | undefined;
}

const WEIGHTS = ["model.safetensors", "model.safetensors.index.json"];

/**
 * Chooses between a model's checkpoint, which is compiled to a faster graph, and its ONNX files, from its small files
 * alone. The ONNX file is taken where there is no checkpoint, or one whose config.json says that it is not compiled.
 *
 * @throws PgVectorDBError `model_invalid` when neither can be used, with the reason
 */
export async function planGraph(located: LocatedModel, request: GraphRequest): Promise<CheckpointPlan | OnnxPlan> {
  const file = WEIGHTS.find((name) => located.files.includes(name));
  if (file === undefined) return planOnnx(located, request);
  const config = (await readModelJson(located, "config.json")) ?? {};
  const dtype = request.dtype === "int8" ? "int8" : "fp32";
  try {
    if (request.dtype === "fp16") throw noHalfPrecision(located.id);
    checkCompilable(config, headUse(request.purpose));
  } catch (error) {
    if (error instanceof PgVectorDBError && error.code === "model_invalid") return planOnnx(located, request, error);
    throw error;
  }
  // int8 is run one text at a time, and such a graph needs no mask.
  return {
    kind: "checkpoint",
    file,
    dtype,
    config,
    options: { dtype, maskless: dtype === "int8", ...request.purpose },
  };
}

/**
 * The ONNX file to use.
 *
 * @param reason why the checkpoint is not compiled
 * @throws PgVectorDBError `model_invalid` when there is none, or none that can be used
 */
export async function planOnnx(
  located: LocatedModel,
  { dtype: asked, purpose }: GraphRequest,
  reason?: PgVectorDBError,
): Promise<OnnxPlan> {
  const { id, files } = located;
  if (reason !== undefined && !files.some((file) => file.endsWith(".onnx"))) throw withoutOnnx(id, reason);
  if (purpose.modules !== undefined) throw noModules(id, reason);
  if (purpose.output === "logits" && isLanguageModel(await readModelJson(located, "config.json"))) {
    throw noAnswers(id, reason);
  }
  const { path, dtype } = chooseOnnxFile(id, files, asked, await detectCpu());
  return { kind: "onnx", file: path, externalData: externalDataOf(path, files), dtype, reason: reason?.message };
}

function noHalfPrecision(model: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `A checkpoint, as that of the model "${model}", is compiled to "fp32" or "int8"; \`dtype\` "fp16" needs an ONNX file.`,
  );
}

function withoutOnnx(model: string, reason: PgVectorDBError): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `${reason.message} The model "${model}" has no ONNX file either, which would be used instead: ` +
      "export one (optimum-cli export onnx --model <model> <folder>), or choose a model that is compiled, such as BAAI/bge-reranker-v2-m3.",
    { cause: reason },
  );
}

/** An ONNX file is of the encoder alone. */
function noModules(model: string, reason: PgVectorDBError | undefined): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The model "${model}" passes what it reads through modules of its own, which is done for a compiled checkpoint only. ` +
      `${reason?.message ?? "It has no safetensors checkpoint."} Choose a model that is compiled, or one without such modules.`,
    { cause: reason },
  );
}

/** The ONNX file of a language model gives logits for its whole vocabulary, and wants a cache of keys and values. */
function noAnswers(model: string, reason: PgVectorDBError | undefined): PgVectorDBError {
  const compiled = reason === undefined ? "It has no safetensors checkpoint." : reason.message;
  return new PgVectorDBError(
    "model_invalid",
    `The model "${model}" is a language model that scores by its answer to a prompt, which is read from a compiled checkpoint only. ${compiled} ` +
      "Choose the original (such as Qwen/Qwen3-Reranker-0.6B), a conversion of it with a sequence-classification head, or a cross-encoder.",
    { cause: reason },
  );
}
