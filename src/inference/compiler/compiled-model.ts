import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { GraphWriter } from "./graph-writer.ts";

/** A compiled model on disk. */
export interface CompiledModel {
  /** Give this path to ONNX Runtime; files of `externalDataPaths` are found beside it. */
  readonly modelPath: string;
  readonly externalDataPaths: readonly string[];
  /** Exactly the inputs to feed: each an int64 `[batch, sequence]`, but for those of a prefix (`shared-prefix.ts`). */
  readonly inputNames: readonly string[];
  readonly outputName: string;
  /** SHA-256 of the bytes written, in hexadecimal. */
  readonly digest: string;
}

/** What compiled.json says, written after the files it describes. */
export function manifestText(graph: GraphWriter, externalData: readonly string[], digest: string): string {
  const manifest = {
    externalData,
    inputNames: graph.inputs.map((port) => port.name),
    outputName: graph.outputs[0]?.name,
    digest,
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** The compiled model in a folder, or undefined when there is none or it is not whole. */
export async function readCompiledModel(folder: string): Promise<CompiledModel | undefined> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, "compiled.json"), "utf8"));
    const { externalData, inputNames, outputName, digest } = manifest as Record<string, unknown>;
    if (!isTexts(externalData) || !isTexts(inputNames)) return undefined;
    if (typeof outputName !== "string" || typeof digest !== "string") return undefined;
    const modelPath = join(folder, "model.onnx");
    const externalDataPaths = externalData.map((file) => join(folder, file));
    await Promise.all([modelPath, ...externalDataPaths].map((path) => stat(path)));
    return { modelPath, externalDataPaths, inputNames, outputName, digest };
  } catch {
    // Absent or damaged alike: the caller compiles again.
    return undefined;
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}
