import type { CompileOptions } from "../compiler/compile-model.ts";
import type { ModelPrompt } from "./prompt-templates.ts";

/** What the graph is to give. */
export type GraphPurpose = Pick<CompileOptions, "output" | "pooling" | "modules" | "normalize">;

/** What a model is used for, decided from its small files, before its weights are fetched. */
export interface ModelUse extends GraphPurpose {
  readonly prompt?: ModelPrompt | undefined;
}
