import { PgVectorDBError } from "../../errors.ts";
import type { ChainModule } from "../compiler/module-chain.ts";
import type { Pooling } from "../compiler/sentence-pooling.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import { readModelJson } from "./model-config.ts";
import { type ModuleEntry, readChain, readModuleEntries } from "./sentence-modules.ts";

/** How sentence-transformers makes one vector of this model's token vectors. */
export interface SentenceConfig {
  readonly pooling: Pooling | undefined;
  /** What the pooled vector goes through, `undefined` for nothing. */
  readonly modules: readonly ChainModule[] | undefined;
  /** Whether vectors get length 1 at the end; `undefined` when the repository does not say. */
  readonly normalize: boolean | undefined;
}

/** By the mode's name, and by the flag of older files. */
const POOLINGS: ReadonlyMap<string, Pooling> = new Map([
  ["mean", "mean"],
  ["pooling_mode_mean_tokens", "mean"],
  ["cls", "cls"],
  ["pooling_mode_cls_token", "cls"],
  ["lasttoken", "last"],
  ["pooling_mode_lasttoken", "last"],
]);

/** Only models that make one vector of a text have it, whatever their architecture is called. */
export const POOLING_FILE = "1_Pooling/config.json";

/**
 * Reads modules.json and the files of its modules, where they are. A caller's own `pooling` wins.
 *
 * @throws PgVectorDBError `model_invalid` for what this library does not compute
 */
export async function readSentenceConfig(located: LocatedModel, pooling: Pooling | undefined): Promise<SentenceConfig> {
  const entries = await readModuleEntries(located);
  const chain = await readChain(located, behindPooling(entries ?? []));
  const isNormalized = chain.at(-1)?.kind === "normalize";
  const modules = isNormalized ? chain.slice(0, -1) : chain;
  return {
    pooling: pooling ?? (await readPooling(located, entries)),
    modules: modules.length === 0 ? undefined : modules,
    normalize: entries === undefined ? undefined : isNormalized,
  };
}

/** The pooling that the repository names, `undefined` where it names none. @throws PgVectorDBError `model_invalid` for another one */
export async function readPooling(
  located: LocatedModel,
  entries: readonly ModuleEntry[] | undefined,
): Promise<Pooling | undefined> {
  const folder = entries?.find(({ type }) => type === "Pooling")?.folder;
  const config = await readModelJson(located, folder === undefined ? POOLING_FILE : `${folder}/config.json`);
  return config === undefined ? undefined : poolingOf(located.id, config);
}

/** The encoder and its pooling are read by other means. */
export function behindPooling(entries: readonly ModuleEntry[]): readonly ModuleEntry[] {
  return entries.filter(({ type }) => type !== "Transformer" && type !== "Pooling");
}

/** Older files have a flag per mode, newer ones the mode's name. */
function poolingOf(model: string, config: Readonly<Record<string, unknown>>): Pooling {
  const flags = Object.keys(config).filter((key) => key.startsWith("pooling_mode_") && config[key] === true);
  const found = String(config["pooling_mode"] ?? flags.join(", "));
  const pooling = POOLINGS.get(found);
  if (pooling !== undefined) return pooling;
  throw new PgVectorDBError(
    "model_invalid",
    `The model "${model}" pools by ${found}; supported are mean, cls and lasttoken. If one of them is right for an embedder, set its \`pooling\`.`,
  );
}
