import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface ModelFile {
  readonly file: string;
  readonly megabytes: number;
  readonly sha256: string;
}

/** The weights in a model's folder, or nothing when `model` is not a folder here. */
export function describeModelFiles(folder: string): ModelFile[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(onnx|onnx_data|safetensors)$/.test(file))
    .sort()
    .map((file) => {
      const bytes = readFileSync(join(folder, file));
      return {
        file,
        megabytes: Number((bytes.length / 1e6).toFixed(2)),
        sha256: createHash("sha256").update(bytes).digest("hex").slice(0, 16),
      };
    });
}
