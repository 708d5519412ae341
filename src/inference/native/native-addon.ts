import { createRequire } from "node:module";
import { debuglog } from "node:util";

/** What the addon needs to know of a model. */
export interface NativeShape {
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly layers: number;
  readonly embeddingSize: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly types: number;
  /** Row of the first position: 0, or the padding's id + 1 where positions are counted from there. */
  readonly positionOffset: number;
  readonly epsilon: number;
  readonly output: NativeOutput;
  /** Of the head, which gives `"logits"`; other outputs have none. */
  readonly labels?: number | undefined;
  /** Of the first of the head's two dense layers. */
  readonly headActivation?: "tanh" | "gelu" | undefined;
}

/** Where rows of words stand one behind the other, in the order of the vocabulary. */
export interface WordsPlace {
  readonly path: string;
  /** First byte, from the start of the file. */
  readonly start: number;
  readonly format: "F32" | "F16" | "BF16";
}

/** What a text gives: logits of a head over its first row, that row itself, or the mean of its rows. */
export type NativeOutput = "logits" | "first" | "mean";

/** What the addon needs to know of the package's own cross-encoder: `native/README.md` has the formulas. */
export interface PrunedShape {
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly layers: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly epsilon: number;
  /** Of a document of n tokens so many hundredths of n - `keepUncounted` go on after the first layer, rounded up. */
  readonly keepPercent: number;
  readonly keepUncounted: number;
  /** At the least these, or all. */
  readonly keepAtLeast: number;
  /** Of the logit's terms. */
  readonly bias: number;
  readonly matched: number;
  readonly alike: number;
  readonly first: number;
  readonly classifierBias: number;
  readonly lexicalRise: number;
  readonly lexicalSlope: number;
  readonly lexicalRoom: number;
  readonly lexicalMass: number;
}

/** What the addon needs to know of a ModernBERT. */
export interface ModernbertShape {
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly layers: number;
  readonly vocabulary: number;
  /** Of the rotary tables, and tokens of the longest text. */
  readonly positions: number;
  /** How far from a token are those that it sees in a local layer. */
  readonly reach: number;
  /** For each layer 1 where its tokens see all others, 0 where they see those within reach. */
  readonly isGlobal: Uint8Array;
  /** Of the encoder's norms. */
  readonly epsilon: number;
  readonly pooling: "cls" | "mean";
  /** What a text gives: logits of a head over what is pooled, or that itself. */
  readonly output: "logits" | "embedding";
  /** Of the head, which gives `"logits"`. */
  readonly labels?: number | undefined;
  readonly headEpsilon?: number | undefined;
  /** Behind the head's dense layer. */
  readonly headActivation?: "gelu" | "none" | undefined;
}

/** Quantised weights, or numbers as they are. */
export type PrunedTensor = Int8Array | Uint8Array | Float32Array;

/** What a model's layers are computed in. */
export type NativeArithmetic = "int8" | "float32";

/** What an addon's kernels were compiled for, widest first. Those for BF16 know the tiles of AMX too. */
export const NATIVE_VECTORS = ["avx512-bf16", "avx512-vnni", "avx2-vnni", "avx2"] as const;
export type NativeVectors = (typeof NATIVE_VECTORS)[number];

/** What multiplies: the addon's vectors, or the tiles of AMX. */
export type NativeUnits = "vectors" | "tiles";

/** A model's weights, packed and in int8 quantised, and room to run them in this thread. Only the addon can look inside. */
export interface NativeModel {
  readonly nativeModel: never;
}

/** The functions of `native/addon.cpp`. They check every size themselves. */
export interface NativeAddon {
  readonly vectors: NativeVectors;
  /** Whether this processor and system can run it. */
  readonly isSupported: boolean;
  /** Whether this processor is one that its kernels were made for, where it can run them. */
  readonly isPreferred: boolean;
  /** The best that there are here. */
  readonly units: NativeUnits;
  /**
   * Copies the weights, `tensors` in the order of `nativeTensors`: all of them, or the first with `addWeights` for the rest. Takes the best `units` unless
   * told. With `words`, these stay in their file and are no tensor.
   *
   * @throws RangeError, TypeError for what does not fit; Error for a file that cannot be read
   */
  createModel(
    shape: NativeShape,
    tensors: readonly Float32Array[],
    arithmetic: NativeArithmetic,
    units?: NativeUnits,
    words?: WordsPlace,
  ): NativeModel;
  /** The same for a model of ModernBERT's shape, `tensors` in the order of `modernbertParts`. @throws RangeError, TypeError for what does not fit */
  createModernbertModel(
    shape: ModernbertShape,
    tensors: readonly Float32Array[],
    arithmetic: NativeArithmetic,
    units?: NativeUnits,
    words?: WordsPlace,
  ): NativeModel;
  /**
   * Copies the next tensors of a model that lacks some: whole parts (the words; what else is embedded; a layer; the head), or some rows of the words.
   *
   * @throws RangeError, TypeError for what does not fit, which leaves the model as it was
   */
  addWeights(model: NativeModel, tensors: readonly Float32Array[]): void;
  /** The package's own cross-encoder, `tensors` in the order of `prunedTensors`. @throws RangeError, TypeError for what does not fit */
  createPrunedModel(shape: PrunedShape, tensors: readonly PrunedTensor[], units?: NativeUnits): NativeModel;
  /** A number by which `joinModel` finds the weights in any thread of this process, as long as some model has them. @throws Error for a model that lacks some */
  shareModel(model: NativeModel): number;
  /** A model of this thread with the same weights, of which there is one copy; `undefined` when no model has them any more. */
  joinModel(id: number): NativeModel | undefined;
  /**
   * Reads texts whose tokens are one behind the other, `lengths[i]` of each: `[texts, labels]` of logits, or `[texts, hidden]`,
   * row-major. What a text gives is the same whatever shares the run.
   *
   * @throws RangeError for an id, type or length out of range
   */
  run(model: NativeModel, ids: Int32Array, types: Int32Array, lengths: Int32Array): Float32Array;
  release(model: NativeModel): void;
}

/** An addon that was built, loads, and runs on this processor; else why there is none. */
export type FoundAddon = NativeAddon | { readonly missing: string };

/** Says why ONNX Runtime runs a model: `NODE_DEBUG=pgvectordb`. */
export const logNative = debuglog("pgvectordb");

const NEEDED: Readonly<Record<NativeVectors, string>> = {
  "avx512-bf16": "AVX-512 with VNNI and BF16",
  "avx512-vnni": "AVX-512 with VNNI",
  "avx2-vnni": "AVX2 with FMA and AVX-VNNI",
  avx2: "AVX2 with FMA",
};

/** The name by which an addon is loaded. */
export function nativeAddonFile(vectors: NativeVectors): string {
  return `#native/${process.platform}-${process.arch}-${vectors}.node`;
}

export function loadNativeAddon(vectors: NativeVectors): FoundAddon {
  const file = nativeAddonFile(vectors);
  let addon: NativeAddon;
  try {
    addon = createRequire(import.meta.url)(file) as NativeAddon;
  } catch (error) {
    // Built for other systems, or not at all: the caller has another way.
    logNative("%s cannot be loaded: %s", file, error);
    return { missing: `it has no build that loads on this system (${process.platform}-${process.arch})` };
  }
  return addon.isSupported ? addon : { missing: `this processor lacks ${NEEDED[vectors]}` };
}
