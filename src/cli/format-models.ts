import type { ModelDescription, ModelDescriptionUse } from "../inference/describe-model.ts";
import type { CachedModel } from "../inference/model-files/list-models.ts";

export interface ModelList {
  readonly builtin: readonly { readonly id: string; readonly task: string; readonly bytes: number }[];
  readonly cacheDir: string;
  readonly cached: readonly CachedModel[];
  readonly compiledBytes: number;
}

/** The models as a table for people. */
export function formatList({ builtin, cacheDir, cached, compiledBytes }: ModelList): string {
  const rows = [
    ...builtin.map(({ id, task, bytes }) => [id, size(bytes), task, "comes with the package"]),
    ...cached.map(({ id, bytes, weights, revision }) => [
      id,
      size(bytes),
      weights.join(", ") || "no weights",
      revision?.slice(0, 12) ?? "",
    ]),
  ];
  const notes = [`cache: ${cacheDir}`];
  if (compiledBytes > 0) notes.push(`compiled models in it: ${size(compiledBytes)}`);
  return `${table(rows)}\n${notes.join("\n")}\n`;
}

/** One model's facts, one a line. */
export function formatDescription(model: ModelDescription): string {
  const { use, prompt } = model;
  const rows = [
    ["model", model.id],
    ["from", model.origin],
    ["revision", model.revision],
    ["architecture", [model.modelType, ...model.architectures].filter(Boolean).join(", ")],
    ["task", model.task],
    ["labels", model.task === "rerank" ? model.labels.join(", ") : ""],
    ["longest input", model.maxTokens === undefined ? "no limit of its own" : `${model.maxTokens} tokens`],
    ["prompt", prompt?.name],
    ["instruction", prompt?.instruction],
    [
      "used",
      use === undefined
        ? "cannot be used"
        : `${use.file}, ${use.how === "onnx" || use.engine === "native" ? "as it is" : "compiled"}, ${use.dtype}`,
    ],
    ["engine", use === undefined ? "" : engineOf(use)],
    ["compiled", compiledOf(model)],
    [use === undefined ? "because" : "checkpoint not used", model.reason],
  ];
  return `${table(rows.filter((row): row is [string, string] => Boolean(row[1])))}\n`;
}

function engineOf({ engine, engineReason }: ModelDescriptionUse): string {
  return engine === "native" ? "native, on a processor" : `ONNX Runtime; not the native one: ${engineReason}`;
}

function compiledOf({ compiled, use }: ModelDescription): string {
  if (compiled === undefined) return "";
  if (compiled) return "yes";
  return use?.engine === "native" ? "no, which the native engine does not need" : "not yet";
}

function size(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
