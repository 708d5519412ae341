import { PgVectorDBError } from "../../../errors.ts";
import { ConfigReader } from "../config-reader.ts";
import type { Architecture } from "../encoder-context.ts";
import { bert } from "./bert.ts";
import { debertaV2 } from "./deberta-v2.ts";
import { distilbert } from "./distilbert.ts";
import { electra } from "./electra.ts";
import { modernbert } from "./modernbert.ts";
import { mpnet } from "./mpnet.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";
import { roberta } from "./roberta.ts";

/** By `model_type` in config.json. */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  bert,
  camembert: roberta,
  "deberta-v2": debertaV2,
  distilbert,
  electra,
  modernbert,
  mpnet,
  qwen2,
  qwen3,
  roberta,
  "xlm-roberta": roberta,
};

/**
 * Says from config.json alone whether `compileModel` knows the architecture; a checkpoint can still lack tensors.
 *
 * @throws PgVectorDBError `model_invalid` with the reason
 */
export function checkCompilable(config: unknown, output: "logits" | "embedding"): void {
  architectureOf(new ConfigReader(config), output);
}

/**
 * The architecture that a config.json names, when its head fits the use.
 *
 * @throws PgVectorDBError `model_invalid`, naming what we do compile
 */
export function architectureOf(config: ConfigReader, output: "logits" | "embedding"): Architecture {
  if (config.get("auto_map") !== undefined) {
    throw config.unsupported("auto_map", "that asks for Python code of the repository's own, which is never run");
  }
  const modelType = config.text("model_type", "");
  const architecture = Object.hasOwn(ARCHITECTURES, modelType) ? ARCHITECTURES[modelType] : undefined;
  if (architecture === undefined) {
    throw config.unsupported("model_type", `only ${Object.keys(ARCHITECTURES).join(", ")} are compiled`);
  }
  const names = config.texts("architectures") ?? [];
  if (output === "logits" && names.length > 0 && !names.some((name) => architecture.classifiers.includes(name))) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model's config.json has \`architectures\`: ${JSON.stringify(names).slice(0, 120)}, which gives no relevance ` +
        `score; ${architecture.classifiers.join(" or ")} is needed. Choose a cross-encoder, or use this model as an embedder.`,
    );
  }
  return architecture;
}
