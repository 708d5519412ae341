import { PgVectorDBError } from "../../errors.ts";
import { TORCH_ACTIVATIONS } from "../compiler/activation.ts";
import type { ChainModule, DenseModule, LayerNormModule } from "../compiler/module-chain.ts";
import type { LocatedModel } from "../model-files/locate-model.ts";
import type { JsonObject } from "./json-object.ts";
import { readModelFile, readModelJson } from "./model-config.ts";

/** One entry of modules.json: what sentence-transformers puts behind a model, in its order. */
export interface ModuleEntry {
  /** The name of its Python class, without the module that it is in. */
  readonly type: string;
  /** Its folder in the repository; empty for the encoder's files, which are in the root. */
  readonly folder: string;
}

/** What is between the pooled vector and the end. */
const BUILDERS: Readonly<Record<string, (located: LocatedModel, entry: ModuleEntry) => Promise<ChainModule[]>>> = {
  Dense: async (located, entry) => [await readDense(located, entry)],
  LayerNorm: async (located, entry) => [await readLayerNorm(located, entry)],
  Normalize: async () => [{ kind: "normalize" }],
  // It does something in training alone.
  Dropout: async () => [],
};

/** What modules.json lists, `undefined` where there is none. @throws PgVectorDBError `model_invalid` for a folder outside the model */
export async function readModuleEntries(located: LocatedModel): Promise<readonly ModuleEntry[] | undefined> {
  const modules = await readModelFile(located, "modules.json");
  if (!Array.isArray(modules)) return undefined;
  return modules.map((entry: unknown) => {
    const { type, path } = (entry ?? {}) as { type?: unknown; path?: unknown };
    return { type: String(type).split(".").at(-1) as string, folder: typeof path === "string" ? path : "" };
  });
}

/**
 * The modules behind the pooling.
 *
 * @throws PgVectorDBError `model_invalid` for one that is not supported, or whose files are not as they should be
 */
export async function readChain(located: LocatedModel, entries: readonly ModuleEntry[]): Promise<ChainModule[]> {
  const modules: ChainModule[] = [];
  for (const entry of entries) {
    const build = Object.hasOwn(BUILDERS, entry.type) ? BUILDERS[entry.type] : undefined;
    if (build === undefined) throw notSupported(located, entry.type);
    modules.push(...(await build(located, entry)));
  }
  return modules;
}

/** The safetensors file of a module. @throws PgVectorDBError `model_invalid` where there is none */
export function moduleWeightsFile(located: Pick<LocatedModel, "id" | "files">, folder: string): string {
  const file = `${folder}/model.safetensors`;
  if (located.files.includes(file)) return file;
  throw new PgVectorDBError(
    "model_invalid",
    `The module "${folder}" of the model "${located.id}" has no model.safetensors. Python writes one: ` +
      "load the model with sentence-transformers and save it with save_pretrained(folder).",
  );
}

export function notSupported({ id }: Pick<LocatedModel, "id">, type: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The model "${id}" passes its vectors through ${type}, which is not supported. After the pooling ${Object.keys(BUILDERS).join(", ")} are.`,
  );
}

async function readDense(located: LocatedModel, { folder }: ModuleEntry): Promise<DenseModule> {
  const config = await readModuleConfig(located, folder);
  if ((config["module_input_name"] ?? "sentence_embedding") !== "sentence_embedding") {
    throw invalid(located, folder, "module_input_name", "it must read the pooled vector (sentence_embedding)");
  }
  moduleWeightsFile(located, folder);
  return {
    kind: "dense",
    folder,
    inputs: readSize(located, folder, config, "in_features"),
    outputs: readSize(located, folder, config, "out_features"),
    bias: config["bias"] !== false,
    activation: readActivation(located, folder, config),
    residual: config["use_residual"] === true,
  };
}

async function readLayerNorm(located: LocatedModel, { folder }: ModuleEntry): Promise<LayerNormModule> {
  const config = await readModuleConfig(located, folder);
  moduleWeightsFile(located, folder);
  return { kind: "layer_norm", folder, size: readSize(located, folder, config, "dimension") };
}

async function readModuleConfig(located: LocatedModel, folder: string): Promise<JsonObject> {
  const config = await readModelJson(located, `${folder}/config.json`);
  if (config !== undefined) return config;
  throw new PgVectorDBError("model_invalid", `The module "${folder}" of the model "${located.id}" has no config.json.`);
}

function readSize(located: LocatedModel, folder: string, config: JsonObject, field: string): number {
  const size = config[field];
  if (typeof size === "number" && Number.isSafeInteger(size) && size > 0) return size;
  throw invalid(located, folder, field, "it must be a whole number above 0");
}

/** The class is named with its module, as `torch.nn.modules.activation.GELU`; without one it is Tanh. */
function readActivation(located: LocatedModel, folder: string, config: JsonObject): DenseModule["activation"] {
  const name = config["activation_function"] ?? "torch.nn.modules.activation.Tanh";
  const className = String(name).match(/^torch\.nn\.(?:modules\.\w+\.)?(\w+)$/)?.[1] ?? "";
  const known: Readonly<Record<string, DenseModule["activation"]>> = TORCH_ACTIVATIONS;
  const activation = Object.hasOwn(known, className) ? known[className] : undefined;
  if (activation !== undefined) return activation;
  throw invalid(
    located,
    folder,
    "activation_function",
    `only ${Object.keys(known).join(", ")} of torch.nn are compiled`,
  );
}

function invalid({ id }: LocatedModel, folder: string, field: string, problem: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `${folder}/config.json of the model "${id}" has a \`${field}\` that cannot be used: ${problem}.`,
  );
}
