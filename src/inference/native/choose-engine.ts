import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { architectureOf } from "../compiler/architectures/architecture-of.ts";
import { type BertFamily, type BertFamilySizes, bertFamilySizes } from "../compiler/architectures/bert-family.ts";
import { modernbert } from "../compiler/architectures/modernbert.ts";
import { type CompileOptions, headUse } from "../compiler/compile-model.ts";
import { ConfigReader } from "../compiler/config-reader.ts";
import type { ModelDtype } from "../graphs/choose-onnx-file.ts";
import { chooseAddon } from "./choose-addon.ts";
import { describeModernbert, EXACT_GELU, type ModernbertModel } from "./modernbert-model.ts";
import {
  loadNativeAddon,
  type NativeAddon,
  type NativeArithmetic,
  type NativeOutput,
  type NativeUnits,
} from "./native-addon.ts";
import { readNativeSwitch } from "./native-switch.ts";

/** What a choice of the engine goes by; a `ModelGraph` and a plan for one have it. */
export type EngineGraph =
  | { readonly kind: "onnx"; readonly dtype: ModelDtype }
  | {
      readonly kind: "checkpoint";
      readonly dtype: ModelDtype;
      readonly config: Readonly<Record<string, unknown>>;
      readonly options: Pick<CompileOptions, "output" | "pooling" | "modules" | "normalize">;
    };

export interface EngineFacts {
  readonly graph: EngineGraph;
  readonly device: string;
  /** Threads of each worker. */
  readonly threads: number;
  /** Logits of the model's head, where that is known. */
  readonly labels?: number | undefined;
  /** What the weights take in the model's `dtype`, where that is known. */
  readonly bytes?: number | undefined;
}

export interface NativeChoice {
  readonly engine: "native";
  readonly kind: "checkpoint";
  readonly addon: NativeAddon;
  readonly units: NativeUnits;
  readonly arithmetic: NativeArithmetic;
  readonly family: BertFamily;
  readonly sizes: BertFamilySizes;
  readonly output: NativeOutput;
}

export interface ModernbertChoice {
  readonly engine: "native";
  readonly kind: "modernbert";
  readonly addon: NativeAddon;
  readonly units: NativeUnits;
  readonly arithmetic: NativeArithmetic;
  readonly model: ModernbertModel;
}

/** An ONNX file that the kernels run if it is the package's own reranker, which `readPrunedModel` finds out. */
export interface OnnxCandidate {
  readonly engine: "native";
  readonly kind: "onnx";
  readonly addon: NativeAddon;
  readonly units: NativeUnits;
}

/** What runs a model: our own kernels, or ONNX Runtime and why. */
export type EngineChoice =
  | NativeChoice
  | ModernbertChoice
  | OnnxCandidate
  | { readonly engine: "onnxruntime"; readonly reason: string };

const ARITHMETICS: Readonly<Partial<Record<ModelDtype, NativeArithmetic>>> = { int8: "int8", fp32: "float32" };
/** With one of them there is an NVIDIA card, on Linux and in WSL. */
const CUDA_DEVICES = ["/dev/nvidiactl", "/dev/dxg"];
/** A session of ONNX Runtime with two threads takes longer than the kernels with one, AVX2's excepted; with more it was not measured. */
const MOST_THREADS = 2;
/** By vectors, weights in float32 take 7/4 of their memory for a fifth less time at best, which is not worth a gigabyte. */
const MOST_STRASSEN_BYTES = 500_000_000;
/** Sizes that the kernels take: `native/README.md`. */
const MOST = { hidden: 1024, intermediate: 4096, layers: 48, labels: 2, positions: 8192 } as const;
const BLOCK = 64;

/** Chooses by what is known of a model before its weights are read. */
export function chooseEngine(facts: EngineFacts): EngineChoice {
  const wanted = readNativeSwitch();
  if (wanted === "off") return byRuntime("`PGVECTORDB_NATIVE` switches it off");
  const model = describeNativeModel(facts);
  if (typeof model === "string") return byRuntime(model);
  const addon = chooseAddon(wanted, loadNativeAddon);
  if ("missing" in addon) return byRuntime(addon.missing);
  const units = wanted === "vectors" ? "vectors" : addon.units;
  const slower = wanted === addon.vectors ? undefined : whereRuntimeIsBetter(model, addon, units, facts);
  return slower === undefined ? { engine: "native", addon, units, ...model } : byRuntime(slower);
}

/** Why a model that the kernels could run is left to ONNX Runtime, unless an addon is asked for by its name. */
function whereRuntimeIsBetter(
  model: DescribedModel,
  addon: NativeAddon,
  units: NativeUnits,
  { threads, bytes = 0 }: EngineFacts,
): string | undefined {
  if (model.kind === "onnx") return undefined;
  if (model.arithmetic === "float32" && units === "vectors") {
    if (isIntel()) {
      return "in float32 without AMX it takes a third to half as long again as ONNX Runtime on an Intel processor";
    }
    if (model.kind === "checkpoint" && bytes > MOST_STRASSEN_BYTES) {
      return "its weights in float32 would take nearly twice the memory on a processor without AMX";
    }
  }
  if (addon.vectors.startsWith("avx2") && threads > 1) {
    return "its kernels for AVX2 on one thread are slower than ONNX Runtime on the two of each worker here";
  }
  return undefined;
}

function byRuntime(reason: string): EngineChoice {
  return { engine: "onnxruntime", reason };
}

/** Kernels for vectors of AVX-512 were written on Zen 4; Sapphire Rapids waits longer for weights from its third cache. */
function isIntel(): boolean {
  return cpus()[0]?.model.includes("Intel") ?? false;
}

type DescribedModel =
  | Omit<NativeChoice, "engine" | "addon" | "units">
  | Omit<ModernbertChoice, "engine" | "addon" | "units">
  | Pick<OnnxCandidate, "kind">;

/** The model for the native engine, or why it does not take it. */
function describeNativeModel(facts: EngineFacts): DescribedModel | string {
  const { graph, device, threads } = facts;
  const arithmetic = ARITHMETICS[graph.dtype];
  if (arithmetic === undefined) return `it does not run \`dtype\` "${graph.dtype}"`;
  if (graph.kind === "onnx" && graph.dtype !== "int8") {
    return "of ONNX files it runs the package's own reranker alone, which is int8";
  }
  const output = graph.kind === "checkpoint" ? outputOf(graph.options) : undefined;
  if (device !== "cpu" && device !== "auto") return `it does not run on \`device\` "${device}"`;
  if (device === "auto" && CUDA_DEVICES.some((path) => existsSync(path))) {
    return '`device` is "auto" and there is a graphics card';
  }
  if (threads > MOST_THREADS) return `it runs on one thread for each worker, and here are ${threads}`;
  if (graph.kind === "onnx") return { kind: "onnx" };
  if (output === undefined) return "it gives a text's mean or first vector, and no other";
  const config = new ConfigReader(graph.config);
  const architecture = architectureOf(config, headUse(graph.options));
  if (architecture === modernbert) {
    const model = describeModernbert(config, graph.options, output);
    if (typeof model === "string") return model;
    return modernbertSizeProblem(model, facts.labels) ?? { kind: "modernbert", arithmetic, model };
  }
  if (graph.options.modules !== undefined) {
    return "it does not run a head of sentence-transformers' modules behind this architecture";
  }
  const { bertFamily: family } = architecture;
  if (family === undefined) return `it does not know the architecture "${config.text("model_type", "")}"`;
  const activation = config.text("hidden_act", "gelu");
  if (!EXACT_GELU.has(activation)) return `it does not know the activation "${activation}"`;
  const sizes = bertFamilySizes(config, family);
  return sizeProblem(sizes, facts.labels) ?? { kind: "checkpoint", arithmetic, family, sizes, output };
}

/** What the kernels give of what a compiled graph would. */
function outputOf({
  output,
  pooling,
  normalize,
}: Pick<CompileOptions, "output" | "pooling" | "normalize">): NativeOutput | undefined {
  if (output === "logits") return "logits";
  // The kernels leave vectors as long as they are, and a graph would not unless it is told to.
  if (normalize !== false) return undefined;
  return ({ mean: "mean", cls: "first", last: undefined } as const)[pooling ?? "mean"];
}

/** What of a model's sizes the kernels do not take. */
export function sizeProblem(sizes: BertFamilySizes, labels: number | undefined): string | undefined {
  const { hidden, embeddingSize, paddingId } = sizes;
  if (paddingId !== undefined && paddingId < 0) return `it does not take ${paddingId} as \`pad_token_id\``;
  if (embeddingSize !== hidden) return "its embeddings are narrower than its layers";
  return layerProblem(sizes, labels);
}

/** The same of a ModernBERT's. */
export function modernbertSizeProblem({ shape }: ModernbertModel, labels: number | undefined): string | undefined {
  if (shape.positions > MOST.positions) return `it does not take ${shape.positions} positions`;
  return layerProblem({ ...shape, intermediate: shape.inner }, labels);
}

function layerProblem(
  { hidden, heads, intermediate, layers }: Pick<BertFamilySizes, "hidden" | "heads" | "intermediate" | "layers">,
  labels: number | undefined,
): string | undefined {
  const headSize = hidden / heads;
  if (labels !== undefined && labels > MOST.labels) {
    return `it gives at most ${MOST.labels} logits, and this model ${labels}`;
  }
  if (hidden % BLOCK !== 0 || hidden > MOST.hidden) return `it does not take layers of ${hidden} numbers`;
  if (intermediate % BLOCK !== 0 || intermediate > MOST.intermediate) {
    return `it does not take feed-forward layers of ${intermediate} numbers`;
  }
  if (headSize !== BLOCK && headSize !== BLOCK / 2) return `it does not take heads of ${headSize} numbers`;
  return layers > MOST.layers ? `it does not take ${layers} layers` : undefined;
}
