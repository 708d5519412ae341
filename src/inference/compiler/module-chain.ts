import { PgVectorDBError } from "../../errors.ts";
import { fixedActivation, type ModuleActivation } from "./activation.ts";
import { type EncoderContext, layerNormAt, linearAt } from "./encoder-context.ts";
import type { Value } from "./graph-writer.ts";
import { normalizeRows } from "./sentence-pooling.ts";

/** A module of sentence-transformers that turns a text's vector into another. Its tensors are under `folder`. Plain data. */
export type ChainModule = DenseModule | LayerNormModule | NormalizeModule;

/** `activation(x · weightᵀ + bias)`, and what it was made of added to it where `residual` says so. */
export interface DenseModule {
  readonly kind: "dense";
  readonly folder: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
  readonly activation: ModuleActivation;
  readonly residual: boolean;
}

export interface LayerNormModule {
  readonly kind: "layer_norm";
  readonly folder: string;
  readonly size: number;
}

export interface NormalizeModule {
  readonly kind: "normalize";
}

/** The default of `torch.nn.LayerNorm`, which the module leaves as it is. */
export const LAYER_NORM_EPSILON = 1e-5;

/** What the modules make of a vector of so many numbers: it, `[batch, size]`, and its size. @throws PgVectorDBError `model_invalid` */
export function applyModules(
  context: EncoderContext,
  modules: readonly ChainModule[],
  vector: Value,
  size: number,
): { readonly value: Value; readonly size: number } {
  let current = { value: vector, size };
  for (const module of modules) current = applyModule(context, module, current.value, current.size);
  return current;
}

/** Modules are a head's or are as small as one: they stay in float32. */
function applyModule(context: EncoderContext, module: ChainModule, x: Value, size: number) {
  switch (module.kind) {
    case "dense":
      checkSize(module.folder, module.inputs, size);
      return { value: applyDense(context, module, x), size: module.outputs };
    case "layer_norm":
      checkSize(module.folder, module.size, size);
      return { value: layerNormAt(context, x, `${module.folder}/norm`, size, LAYER_NORM_EPSILON), size };
    case "normalize":
      return { value: normalizeRows(context.graph, x), size };
  }
}

function applyDense(context: EncoderContext, module: DenseModule, x: Value): Value {
  const { graph } = context;
  const { folder, inputs, outputs, bias, residual } = module;
  const linear = linearAt(context, x, `${folder}/linear`, outputs, inputs, { bias, precise: true });
  const active = fixedActivation(module.activation)(graph, linear);
  if (!residual) return active;
  const rest =
    inputs === outputs
      ? x
      : linearAt(context, x, `${folder}/residual`, outputs, inputs, { bias: false, precise: true });
  return graph.apply("Add", [active, rest]);
}

function checkSize(folder: string, wanted: number, size: number): void {
  if (wanted === size) return;
  throw new PgVectorDBError(
    "model_invalid",
    `The module "${folder}" takes vectors of ${wanted} numbers, and what comes before it gives ${size}.`,
  );
}
