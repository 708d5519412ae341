import { PgVectorDBError } from "../../errors.ts";
import type { ChainModule } from "../compiler/module-chain.ts";
import type { Pooling } from "../compiler/sentence-pooling.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import type { ModelConfig } from "./model-config.ts";
import { readModelJson } from "./model-config.ts";
import { behindPooling, readPooling } from "./sentence-config.ts";
import { type ModuleEntry, notSupported, readChain, readModuleEntries } from "./sentence-modules.ts";

/** A cross-encoder whose head is a chain of sentence-transformers' modules over a pooled vector, as the Ettin rerankers have. */
export interface ModuleClassifier {
  readonly pooling: Pooling;
  readonly modules: readonly ChainModule[];
  /** A name for each logit. */
  readonly labels: readonly string[];
}

/** Whether a repository is one: modules.json alone does not tell it from a model that makes vectors. */
export async function isModuleClassifier(located: LocatedModel): Promise<boolean> {
  return (await readClassifierEntries(located)) !== undefined;
}

/**
 * The head of a repository that is one, `undefined` for any other.
 *
 * @throws PgVectorDBError `model_invalid` for modules that are not supported, or that do not end in scores
 */
export async function readModuleClassifier(
  located: LocatedModel,
  config: Pick<ModelConfig, "labels">,
): Promise<ModuleClassifier | undefined> {
  const entries = await readClassifierEntries(located);
  if (entries === undefined) return undefined;
  const modules = await readChain(located, behindPooling(entries));
  const last = modules.at(-1);
  if (last?.kind !== "dense") throw notSupported(located, "modules that do not end in Dense");
  const pooling = await readPooling(located, entries);
  if (pooling === undefined) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model "${located.id}" does not say how it pools: its folder has no config.json.`,
    );
  }
  const named = config.labels.length === last.outputs;
  const labels = named ? config.labels : Array.from({ length: last.outputs }, (_, label) => `LABEL_${label}`);
  return { pooling, modules, labels };
}

/** A cross-encoder with a head of the architecture's own has no pooling among its modules. */
async function readClassifierEntries(located: LocatedModel): Promise<readonly ModuleEntry[] | undefined> {
  const { model_type: type } = (await readModelJson(located, "config_sentence_transformers.json")) ?? {};
  if (type !== "CrossEncoder") return undefined;
  const entries = await readModuleEntries(located);
  return entries?.some(({ type: name }) => name === "Pooling") ? entries : undefined;
}
