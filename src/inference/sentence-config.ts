import { PgVectorDBError } from "../errors.ts";
import { readModelFile, readModelJson } from "./model-config.ts";
import type { LocatedModel } from "./model-files/locate-model.ts";
import type { Pooling } from "./worker-messages.ts";

/** How sentence-transformers makes one vector of this model's token vectors. */
export interface SentenceConfig {
  readonly pooling: Pooling | undefined;
  /** Whether vectors get length 1; `undefined` when the repository does not say. */
  readonly normalize: boolean | undefined;
}

/** Only models that make vectors have it, whatever their architecture is called. */
export const POOLING_FILE = "1_Pooling/config.json";

/** The modules this library computes itself. A repository with others (a dense layer) gives other vectors. */
const KNOWN_MODULES: ReadonlySet<string> = new Set(["Transformer", "Pooling", "Normalize"]);

/**
 * Reads modules.json and 1_Pooling/config.json, where they are. A caller's own `pooling` wins.
 *
 * @throws PgVectorDBError `model_invalid` for what this library does not compute
 */
export async function readSentenceConfig(located: LocatedModel, pooling: Pooling | undefined): Promise<SentenceConfig> {
  const modules = await readModules(located);
  const unknown = modules?.filter((name) => !KNOWN_MODULES.has(name)) ?? [];
  if (unknown.length > 0) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model "${located.id}" passes its vectors through ${unknown.join(", ")}, which is not supported.`,
    );
  }
  const normalize = modules?.includes("Normalize");
  if (pooling !== undefined) return { pooling, normalize };
  const config = await readModelJson(located, POOLING_FILE);
  return { pooling: config === undefined ? undefined : readPooling(located.id, config), normalize };
}

async function readModules(located: LocatedModel): Promise<string[] | undefined> {
  const modules = await readModelFile(located, "modules.json");
  if (!Array.isArray(modules)) return undefined;
  return modules.map((entry: unknown) => {
    const { type } = (entry ?? {}) as { type?: unknown };
    return String(type).split(".").at(-1) as string;
  });
}

/** Older files have a flag per mode, newer ones the mode's name. */
function readPooling(model: string, config: Readonly<Record<string, unknown>>): Pooling {
  const modes = Object.keys(config).filter((key) => key.startsWith("pooling_mode_") && config[key] === true);
  const named = config["pooling_mode"];
  if (named === "mean" || (named === undefined && modes.join() === "pooling_mode_mean_tokens")) return "mean";
  if (named === "cls" || (named === undefined && modes.join() === "pooling_mode_cls_token")) return "cls";
  const found = named === undefined ? modes.join(", ") : String(named);
  throw new PgVectorDBError(
    "model_invalid",
    `The model "${model}" pools by ${found}; supported are mean and cls. Set \`pooling\` if one of them is right for it.`,
  );
}
