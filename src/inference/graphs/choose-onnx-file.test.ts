import { describe, expect, it } from "vitest";
import { chooseOnnxFile, externalDataOf } from "./choose-onnx-file.ts";

const published = [
  "config.json",
  "model.safetensors",
  "onnx/model.onnx",
  "onnx/model_O4.onnx",
  "onnx/model_qint8_arm64.onnx",
  "onnx/model_qint8_avx512_vnni.onnx",
  "onnx/model_quint8_avx2.onnx",
];

describe("chooseOnnxFile", () => {
  it("takes the file of the number format, in onnx/ or beside the config", () => {
    expect(chooseOnnxFile("m", published, "fp32", "x64")).toEqual({ path: "onnx/model.onnx", dtype: "fp32" });
    expect(chooseOnnxFile("m", ["model.onnx"], "fp32", "x64")).toEqual({ path: "model.onnx", dtype: "fp32" });
    expect(chooseOnnxFile("m", ["onnx/model_fp16.onnx"], "fp16", "x64").path).toBe("onnx/model_fp16.onnx");
  });

  it("takes the int8 file that suits the processor", () => {
    expect(chooseOnnxFile("m", published, "int8", "arm64").path).toBe("onnx/model_qint8_arm64.onnx");
    expect(chooseOnnxFile("m", published, "int8", "x64-vnni").path).toBe("onnx/model_qint8_avx512_vnni.onnx");
    expect(chooseOnnxFile("m", published, "int8", "x64").path).toBe("onnx/model_quint8_avx2.onnx");
    expect(chooseOnnxFile("m", ["onnx/model_int8.onnx"], "int8", "x64").path).toBe("onnx/model_int8.onnx");
  });

  it("takes the most exact with auto", () => {
    expect(chooseOnnxFile("m", published, "auto", "x64").dtype).toBe("fp32");
    expect(chooseOnnxFile("m", ["onnx/model_quantized.onnx"], "auto", "x64").dtype).toBe("int8");
  });

  it("lists what there is when the format is missing", () => {
    const code = expect.objectContaining({ code: "model_invalid" });
    expect(() => chooseOnnxFile("m", published, "fp16", "x64")).toThrow(code);
    expect(() => chooseOnnxFile("m", published, "fp16", "x64")).toThrow(/"fp16".*onnx\/model\.onnx/);
  });

  it("says how weights that are not read become some that are", () => {
    const refusal = (...files: string[]) => {
      try {
        return chooseOnnxFile("m", ["config.json", ...files], "auto", "x64").path;
      } catch (error) {
        return String(error);
      }
    };
    expect(refusal("pytorch_model.bin")).toMatch(/no weights.*Pickle files are never read.*save_pretrained/);
    expect(refusal("adapter_model.safetensors")).toMatch(/no weights.*adapter.*merge_and_unload/);
    expect(refusal("adapter_model.bin")).toMatch(/adapter/);
    expect(refusal("model.fp16.safetensors")).toMatch(/no weights that are read \(model\.safetensors.*optimum-cli/);
    expect(refusal()).toMatch(/no weights.*optimum-cli/);
  });
});

describe("externalDataOf", () => {
  it("finds weights kept beside the graph", () => {
    const files = ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx.data", "onnx/model_int8.onnx_data"];
    expect(externalDataOf("onnx/model.onnx", files)).toEqual(["onnx/model.onnx_data", "onnx/model.onnx.data"]);
  });
});
