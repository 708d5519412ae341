import { createHash } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openSafetensors } from "../safetensors/open-safetensors.ts";
import { COMPILER_VERSION, type CompileOptions, headUse } from "./compile-model.ts";

/** Bytes of each tensor that stand for it when the file's own digest is not known. */
const SAMPLE_BYTES = 64;

export interface CompiledModelKey extends CompileOptions {
  /** The parsed config.json. */
  readonly config: unknown;
  /** The safetensors files, as `weightFiles` gives them, and those of the modules. */
  readonly weightPaths: readonly string[];
}

/**
 * The folder, below `cacheFolder`, where `compileModel` puts this checkpoint for these options. Other weights, another
 * config.json, other options or another version of the compiler give another folder.
 */
export async function compiledModelPath(cacheFolder: string, key: CompiledModelKey): Promise<string> {
  const { config, weightPaths, dtype, output, pooling, modules, normalize, maskless, answerTokens } = key;
  const identity = {
    version: COMPILER_VERSION,
    config,
    weights: await Promise.all(weightPaths.map(weightsIdentity)),
    dtype,
    output,
    pooling: headUse(key) === "embedding" ? (pooling ?? "mean") : undefined,
    modules,
    normalize: output === "embedding" ? (normalize ?? true) : undefined,
    maskless: maskless ?? false,
    answerTokens,
  };
  const hash = createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 32);
  return join(cacheFolder, `${output}-${dtype}-${hash}`);
}

/**
 * A text that differs when the weights differ. In the Hugging Face cache a weights file is a link to one that is named
 * by its SHA-256. Any other file is known by its length, the time of its last change, its header, and a sample of every
 * tensor: to hash gigabytes at each start would take longer than to load them, and the time alone is the same for
 * all files where builds set it.
 */
async function weightsIdentity(path: string): Promise<string> {
  const real = await realpath(path).catch(() => path);
  if (basename(dirname(real)) === "blobs" && /^[0-9a-f]{64}$/.test(basename(real))) return basename(real);
  const source = await openSafetensors(real);
  try {
    const { size, mtimeNs } = await stat(real, { bigint: true });
    const hash = createHash("sha256").update(`${size} ${mtimeNs}`);
    for (const [name, { dtype, shape, begin, end }] of source.tensors) {
      const middle = Math.max(0, Math.floor((end - begin - SAMPLE_BYTES) / 2));
      hash.update(JSON.stringify([name, dtype, shape, begin, end]));
      hash.update(await source.read(name, middle, middle + SAMPLE_BYTES));
    }
    return hash.digest("hex");
  } finally {
    await source.close();
  }
}
