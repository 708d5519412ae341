import { PgVectorDBError } from "../../errors.ts";
import { ADAPTER_ADVICE } from "../repository/model-config.ts";

/** Number format of a model's weights. `auto` takes the most exact one there is. */
export type ModelDtype = "fp32" | "fp16" | "int8" | "auto";

/** What decides which int8 file is right: signed weights overflow on x64 processors without VNNI. */
export type CpuKind = "arm64" | "x64" | "x64-vnni";

export interface OnnxFile {
  readonly path: string;
  readonly dtype: Exclude<ModelDtype, "auto">;
}

const INT8_NAMES: Readonly<Record<CpuKind, readonly string[]>> = {
  arm64: ["model_int8", "model_qint8_arm64", "model_quantized", "model_uint8", "model_quint8_avx2"],
  "x64-vnni": [
    "model_int8",
    "model_qint8_avx512_vnni",
    "model_qint8_avx512",
    "model_quantized",
    "model_uint8",
    "model_quint8_avx2",
  ],
  x64: ["model_quint8_avx2", "model_uint8", "model_quantized", "model_int8", "model_qint8_avx512"],
};

/**
 * Chooses the ONNX file of a repository by number format, in `onnx/` or beside the config.
 *
 * @throws PgVectorDBError `model_invalid` that lists what there is
 */
export function chooseOnnxFile(model: string, files: readonly string[], dtype: ModelDtype, cpu: CpuKind): OnnxFile {
  const kinds = dtype === "auto" ? (["fp32", "fp16", "int8"] as const) : [dtype];
  for (const kind of kinds) {
    const candidates = namesOf(kind, cpu).flatMap((name) => [`onnx/${name}.onnx`, `${name}.onnx`]);
    const path = candidates.find((candidate) => files.includes(candidate));
    if (path !== undefined) return { path, dtype: kind };
  }
  throw missing(model, files, dtype);
}

/** Files with the weights of `onnxPath`, where they are not in it: protobuf holds at most 2 GB. */
export function externalDataOf(onnxPath: string, files: readonly string[]): string[] {
  return files.filter((file) => file.startsWith(`${onnxPath}_data`) || file.startsWith(`${onnxPath}.data`));
}

function namesOf(dtype: OnnxFile["dtype"], cpu: CpuKind): readonly string[] {
  if (dtype === "fp32") return ["model"];
  return dtype === "fp16" ? ["model_fp16"] : INT8_NAMES[cpu];
}

function missing(model: string, files: readonly string[], dtype: ModelDtype): PgVectorDBError {
  const onnx = files.filter((file) => file.endsWith(".onnx"));
  if (onnx.length > 0) {
    return new PgVectorDBError(
      "model_invalid",
      `The model "${model}" has no ONNX file for \`dtype\` "${dtype}". It has: ${onnx.join(", ")}. Choose another \`dtype\`.`,
    );
  }
  throw new PgVectorDBError(
    "model_invalid",
    `The model "${model}" has no weights that are read (model.safetensors, onnx/model.onnx or model.onnx). ${adviceFor(files)}`,
  );
}

function adviceFor(files: readonly string[]): string {
  if (files.some((file) => file.startsWith("adapter_model."))) {
    return ADAPTER_ADVICE;
  }
  if (files.some((file) => /\.(bin|pt|ckpt)$/.test(file))) {
    return (
      "Pickle files are never read: turn them into model.safetensors in Python, by " +
      "AutoModelForSequenceClassification.from_pretrained(model).save_pretrained(folder) and the same for AutoTokenizer (AutoModel for an embedder), and pass that folder."
    );
  }
  return "Choose a model that has them, or export one: optimum-cli export onnx --model <model> <folder>";
}
