import { cpus } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { goldenCheckpoint } from "../compiler/golden-checkpoint.suite.ts";
import { chooseEngine, type EngineFacts } from "./choose-engine.ts";
import { loadNativeAddon, NATIVE_VECTORS } from "./native-addon.ts";
import { graphOf, nativeFloat32Missing, nativeMissing } from "./native-engine.suite.ts";
import { readNativeSwitch } from "./native-switch.ts";

type EngineOptions = Extract<EngineFacts["graph"], { kind: "checkpoint" }>["options"];

const golden = goldenCheckpoint("bert-blocks");
const facts: EngineFacts = { graph: graphOf(golden, "int8"), device: "cpu", threads: 1, labels: 1 };
const withConfig = (fields: object): EngineFacts => {
  const { graph } = facts;
  return graph.kind === "onnx" ? facts : { ...facts, graph: { ...graph, config: { ...graph.config, ...fields } } };
};

const withOptions = (options: EngineOptions): EngineFacts => ({
  ...facts,
  graph: { ...graphOf(golden, "int8"), options },
});

/** As the Ettin rerankers have it, for vectors of 64. */
const HEAD = [
  { kind: "dense", folder: "2", inputs: 64, outputs: 64, bias: false, activation: "gelu", residual: false },
  { kind: "layer_norm", folder: "3", size: 64 },
  { kind: "dense", folder: "4", inputs: 64, outputs: 1, bias: true, activation: "linear", residual: false },
] as const;
const modernbert = graphOf(goldenCheckpoint("modernbert-blocks"), "int8");
const modernbertWith = (config: object, options: object = {}): EngineFacts => ({
  ...facts,
  graph: { ...modernbert, config: { ...modernbert.config, ...config }, options: { ...modernbert.options, ...options } },
});

const isIntel = cpus()[0]?.model.includes("Intel") ?? false;
const found = NATIVE_VECTORS.map(loadNativeAddon);
/** What the processor has, widest first. */
const here = found.flatMap((addon) => ("missing" in addon ? [] : [addon.vectors]));
const hasAvx512 = here.some((vectors) => vectors.startsWith("avx512"));
const avx512Missing = hasAvx512 ? "" : " (skipped: this processor has no AVX-512)";

let before: string | undefined;
beforeEach(() => {
  before = process.env["PGVECTORDB_NATIVE"];
  delete process.env["PGVECTORDB_NATIVE"];
});
afterEach(() => {
  if (before === undefined) delete process.env["PGVECTORDB_NATIVE"];
  else process.env["PGVECTORDB_NATIVE"] = before;
});

describe("the engine", () => {
  test.skipIf(nativeMissing)(`is our own for a cross-encoder in int8${nativeMissing}`, () => {
    const choice = chooseEngine(facts);
    expect(choice).toMatchObject({ engine: "native", arithmetic: "int8", sizes: { hidden: 64, heads: 2 } });
  });

  test.skipIf(nativeMissing)(`is our own for a ModernBERT, whichever head it has${nativeMissing}`, () => {
    for (const options of [{}, { modules: HEAD, pooling: "cls" }, { modules: HEAD }]) {
      const choice = chooseEngine(modernbertWith({}, options));
      expect(choice).toMatchObject({
        engine: "native",
        kind: "modernbert",
        model: { shape: { hidden: 64, reach: 4, output: "logits" } },
      });
    }
  });

  test.skipIf(nativeMissing).each(["cls", "mean"])(
    `is our own for a ModernBERT that embeds, by %s${nativeMissing}`,
    (pooling) => {
      const choice = chooseEngine(modernbertWith({}, { output: "embedding", normalize: false, pooling }));
      expect(choice).toMatchObject({ kind: "modernbert", model: { shape: { output: "embedding", pooling } } });
    },
  );

  test.skipIf(nativeFloat32Missing)(`is our own for a cross-encoder in fp32${nativeFloat32Missing}`, () => {
    const choice = chooseEngine({ ...facts, graph: graphOf(golden, "fp32") });
    expect(choice).toMatchObject({ engine: "native", arithmetic: "float32" });
  });

  test.skipIf(nativeMissing).each([
    [{ output: "embedding", normalize: false }, "mean"],
    [{ output: "embedding", normalize: false, pooling: "mean" }, "mean"],
    [{ output: "embedding", normalize: false, pooling: "cls" }, "first"],
    [{ output: "logits", normalize: false, pooling: "mean" }, "logits"],
  ] as const)(`gives what a compiled graph would give, %o as %s${nativeMissing}`, (options, output) => {
    expect(chooseEngine(withOptions(options))).toMatchObject({ engine: "native", output });
  });

  test.skipIf(nativeMissing)(`may be our own for an ONNX file, which must be read to know${nativeMissing}`, () => {
    const choice = chooseEngine({ ...facts, graph: { kind: "onnx", dtype: "int8" } });
    expect(choice).toMatchObject({ engine: "native", kind: "onnx" });
  });

  test.each<[EngineFacts, RegExp]>([
    [{ ...facts, graph: { kind: "onnx", dtype: "fp16" } }, /`dtype` "fp16"/],
    [{ ...facts, graph: { kind: "onnx", dtype: "fp32" } }, /own reranker alone, which is int8/],
    [withOptions({ output: "embedding" }), /mean or first vector/],
    [withOptions({ output: "embedding", normalize: true }), /mean or first vector/],
    [withOptions({ output: "embedding", normalize: false, pooling: "last" }), /mean or first vector/],
    [withOptions({ output: "embedding", normalize: false, modules: [] }), /modules/],
    [{ ...facts, device: "cuda" }, /`device` "cuda"/],
    [{ ...facts, threads: 3 }, /one thread/],
    [{ ...facts, labels: 3 }, /at most 2 logits, and this model 3/],
    [withConfig({ model_type: "distilbert", architectures: ["DistilBertForSequenceClassification"] }), /"distilbert"/],
    [withConfig({ hidden_act: "relu" }), /activation "relu"/],
    [withConfig({ hidden_size: 96, num_attention_heads: 3 }), /layers of 96 numbers/],
    [withConfig({ intermediate_size: 52 }), /feed-forward layers of 52/],
    [withConfig({ num_attention_heads: 4 }), /heads of 16/],
    [withConfig({ num_hidden_layers: 49 }), /49 layers/],
    [
      withConfig({ model_type: "electra", architectures: ["ElectraForSequenceClassification"], embedding_size: 32 }),
      /narrower/,
    ],
    [
      withConfig({ model_type: "roberta", architectures: ["RobertaForSequenceClassification"], pad_token_id: -1 }),
      /`pad_token_id`/,
    ],
    [modernbertWith({ hidden_activation: "silu" }), /activation "silu"/],
    [modernbertWith({ classifier_activation: "relu" }), /activation "relu" in a head/],
    [modernbertWith({ max_position_embeddings: 16_384 }), /16384 positions/],
    [modernbertWith({ hidden_size: 96, num_attention_heads: 3 }), /layers of 96 numbers/],
    [modernbertWith({ intermediate_size: 1000 }), /feed-forward layers of 1000/],
    [{ ...modernbertWith({}), labels: 3 }, /at most 2 logits, and this model 3/],
    [modernbertWith({}, { output: "embedding", normalize: false, modules: HEAD }), /modules behind an embedder/],
    [modernbertWith({}, { pooling: "last", modules: HEAD }), /last token/],
    [modernbertWith({}, { modules: HEAD.slice(1) }), /Dense, LayerNorm, Dense alone/],
    [modernbertWith({}, { modules: [{ ...HEAD[0], residual: true }, HEAD[1], HEAD[2]] }), /Dense, LayerNorm, Dense/],
    [
      modernbertWith({}, { modules: [{ ...HEAD[0], activation: "tanh" }, HEAD[1], HEAD[2]] }),
      /Dense, LayerNorm, Dense/,
    ],
    [withOptions({ output: "logits", modules: HEAD }), /modules behind this architecture/],
  ])("is ONNX Runtime for another, with the reason: %#", (other, reason) => {
    expect(chooseEngine(other)).toEqual({ engine: "onnxruntime", reason: expect.stringMatching(reason) });
  });

  test("is ONNX Runtime when a variable says so", () => {
    process.env["PGVECTORDB_NATIVE"] = "off";
    expect(chooseEngine(facts)).toEqual({ engine: "onnxruntime", reason: expect.stringMatching(/PGVECTORDB_NATIVE/) });
  });

  test.skipIf(nativeMissing)(`has no tiles when a variable says so${nativeMissing}`, () => {
    process.env["PGVECTORDB_NATIVE"] = "vectors";
    expect(chooseEngine(facts)).toMatchObject({ engine: "native", units: "vectors" });
  });

  test.skipIf(nativeMissing)(`has the widest vectors that the processor has${nativeMissing}`, () => {
    expect(chooseEngine(facts)).toMatchObject({ addon: { vectors: here[0] } });
  });

  const known = NATIVE_VECTORS.map((vectors) => ({ vectors, isHere: here.includes(vectors) }));
  test.for(known)(
    "is our own for $vectors when a variable says so, with two threads too",
    ({ vectors, isHere }, { skip }) => {
      skip(!isHere, "this processor has no such vectors");
      process.env["PGVECTORDB_NATIVE"] = vectors;
      const units = vectors === "avx512-bf16" ? expect.stringMatching(/^(vectors|tiles)$/) : "vectors";
      for (const dtype of ["int8", "fp32"] as const) {
        for (const checkpoint of [graphOf(golden, dtype), { ...modernbert, dtype }]) {
          const choice = chooseEngine({ ...facts, threads: 2, bytes: 2e9, graph: checkpoint });
          expect(choice).toMatchObject({ engine: "native", units, addon: { vectors } });
        }
      }
    },
  );

  test.skipIf(avx512Missing)(`is our own with two threads for each worker${avx512Missing}`, () => {
    expect(chooseEngine({ ...facts, threads: 2 })).toMatchObject({ engine: "native" });
  });

  const hasOnlyAvx2 = here.length === 1 && nativeMissing === "";
  test.skipIf(!hasOnlyAvx2)("is ONNX Runtime for a hub's model with two threads where there is AVX2 alone", () => {
    const choice = chooseEngine({ ...facts, threads: 2 });
    expect(choice).toEqual({ engine: "onnxruntime", reason: expect.stringMatching(/AVX2 on one thread/) });
    expect(chooseEngine({ ...facts, threads: 2, graph: { kind: "onnx", dtype: "int8" } }).engine).toBe("native");
    process.env["PGVECTORDB_NATIVE"] = "avx2";
    expect(chooseEngine({ ...facts, threads: 2 }).engine).toBe("native");
  });

  test.skipIf(avx512Missing || !isIntel)(`is ONNX Runtime in float32 on Intel's vectors${avx512Missing}`, () => {
    process.env["PGVECTORDB_NATIVE"] = "vectors";
    const choice = chooseEngine({ ...facts, graph: graphOf(golden, "fp32") });
    expect(choice).toEqual({ engine: "onnxruntime", reason: expect.stringMatching(/without AMX/) });
  });

  test.each([
    [undefined, "on"],
    ["", "on"],
    ["on", "on"],
    ["off", "off"],
    [" OFF ", "off"],
    ["0", "off"],
    ["false", "off"],
    [" Vectors", "vectors"],
    ["AVX2", "avx2"],
    ["avx512-vnni", "avx512-vnni"],
    ["avx512", "on"],
  ])("is left to choose by the value %j: %j", (value, expected) => {
    expect(readNativeSwitch({ PGVECTORDB_NATIVE: value })).toBe(expected);
  });
});
