import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PgVectorDBError } from "../../errors.ts";
import type { SafetensorsSource } from "../safetensors/open-safetensors.ts";
import { architectureOf } from "./architectures/architecture-of.ts";
import { Checkpoint } from "./checkpoint.ts";
import { type CompiledModel, manifestText, readCompiledModel } from "./compiled-model.ts";
import { ConfigReader } from "./config-reader.ts";
import type { AnswerTokens, Architecture, EncoderContext, GraphInputs, NeededRows } from "./encoder-context.ts";
import { GraphWriter, type Value } from "./graph-writer.ts";
import { type CompiledDtype, Layers } from "./layers.ts";
import { applyModules, type ChainModule } from "./module-chain.ts";
import { writeOnnxFile } from "./onnx-file.ts";
import { firstToken, meanOfTokens, normalizeRows, type Pooling } from "./sentence-pooling.ts";

/** Changes whenever the same checkpoint would give another graph: compiled models in the cache are then made again. */
export const COMPILER_VERSION = "5";

export interface CompileOptions {
  /** `fp32`: the checkpoint's numbers as they are. `int8`: weights in int8, activations quantised on the fly. */
  readonly dtype: CompiledDtype;
  /**
   * `logits`: what a sequence-classification head gives, the architecture's own or one of `modules`, `[batch, labels]`.
   * `embedding`: one vector per text, `[batch, size]`.
   */
  readonly output: "logits" | "embedding";
  /** How one vector is made of the tokens' rows, an embedding or what `modules` begin with. Default `mean`; `last` for language models alone. */
  readonly pooling?: Pooling | undefined;
  /** What is made of that vector, in this order. Their tensors are in `weights`, each under its folder's name and a slash. */
  readonly modules?: readonly ChainModule[] | undefined;
  /** Whether embeddings have length 1. Default `true`. */
  readonly normalize?: boolean | undefined;
  /** Leaves `attention_mask` out: for sequences without padding, so one at a time or all of one length. Default `false`. */
  readonly maskless?: boolean | undefined;
  /** For language models (Qwen3ForCausalLM): `logits` are theirs, in this order. */
  readonly answerTokens?: AnswerTokens | undefined;
}

export interface CompileRequest extends CompileOptions {
  /** The parsed config.json. */
  readonly config: unknown;
  readonly weights: SafetensorsSource;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of weights written so far, and in all. */
  readonly onProgress?: ((written: number, total: number) => void) | undefined;
}

/** No compilation takes as long. */
const ABANDONED_MS = 3_600_000;
const EXTERNAL_FILE = "model.onnx.data";
const POOLED_ROWS = { mean: "all", cls: "first", last: "last" } as const satisfies Record<Pooling, NeededRows>;

/**
 * Compiles a checkpoint to an ONNX model in `folder`, which appears whole or not at all.
 *
 * @throws PgVectorDBError `model_invalid` for what cannot be compiled, naming it; `aborted`
 */
export async function compileModel(request: CompileRequest, folder: string): Promise<CompiledModel> {
  const graph = buildGraph(request);
  const total = [...graph.constants.values()].reduce((sum, constant) => sum + constant.byteLength, 0);
  const temporary = `${folder}.${randomUUID()}.tmp`;
  try {
    await mkdir(temporary, { recursive: true });
    await removeAbandoned(dirname(folder));
    let written = 0;
    const { digest, external } = await writeOnnxFile(graph, {
      modelPath: join(temporary, "model.onnx"),
      externalPath: join(temporary, EXTERNAL_FILE),
      producerVersion: COMPILER_VERSION,
      signal: request.signal,
      onBytes: (bytes) => {
        written += bytes;
        request.onProgress?.(written, total);
      },
    });
    await writeFile(join(temporary, "compiled.json"), manifestText(graph, external ? [EXTERNAL_FILE] : [], digest));
    return await publish(temporary, folder);
  } catch (error) {
    if (request.signal?.aborted) {
      throw new PgVectorDBError("aborted", "The call was aborted by its `signal`.", { cause: error });
    }
    if (isFileSystemError(error)) throw notWritten(folder, error);
    throw error;
  } finally {
    // What keeps it from being removed kept it from being made, and that error is the one to see.
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
  }
}

/**
 * Says whether a checkpoint has what `compileModel` needs, from its config.json and its headers alone.
 *
 * @throws PgVectorDBError `model_invalid`, naming what is missing or of another shape
 */
export function checkCheckpoint(request: Omit<CompileRequest, "signal" | "onProgress">): void {
  buildGraph(request);
}

/** What processes that were killed while they compiled have left. */
async function removeAbandoned(cacheFolder: string): Promise<void> {
  for (const entry of await readdir(cacheFolder)) {
    if (!entry.endsWith(".tmp")) continue;
    const path = join(cacheFolder, entry);
    // Gone in between is as good as removed.
    const changed = (await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (Date.now() - changed > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

function isFileSystemError(error: unknown): boolean {
  return typeof (error as { syscall?: unknown } | null)?.syscall === "string";
}

function notWritten(folder: string, cause: unknown): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The compiled model cannot be written to ${folder}. Make room, or set \`cacheDir\` to a folder that can be written.`,
    { cause },
  );
}

/** Renames; when another process was faster, its result is as good. */
async function publish(temporary: string, folder: string): Promise<CompiledModel> {
  await mkdir(dirname(folder), { recursive: true });
  try {
    await rename(temporary, folder);
  } catch (error) {
    const other = await readCompiledModel(folder);
    if (other !== undefined) return other;
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder).catch(() => Promise.reject(error));
  }
  const compiled = await readCompiledModel(folder);
  if (compiled === undefined) throw new PgVectorDBError("model_invalid", "The compiled model cannot be read back.");
  return compiled;
}

/** The graph, before any weight is read. */
function buildGraph(request: CompileRequest): GraphWriter {
  const config = new ConfigReader(request.config);
  const architecture = architectureOf(config, headUse(request));
  const graph = new GraphWriter();
  const context: EncoderContext = {
    config,
    checkpoint: Checkpoint.of(request.weights),
    graph,
    layers: new Layers(graph, request.dtype),
    inputs: graphInputs(graph, request, architecture.tokenTypes(config)),
    answerTokens: request.answerTokens,
  };
  if (headUse(request) === "logits") buildClassifier(architecture, context);
  else if (request.output === "logits") buildModuleClassifier(architecture, context, request);
  else buildEmbedder(architecture, context, request);
  return graph;
}

/** What of an architecture is used: with modules a head is theirs, and the architecture's own is not looked for. */
export function headUse({ output, modules }: Pick<CompileOptions, "output" | "modules">): "logits" | "embedding" {
  return modules === undefined ? output : "embedding";
}

function graphInputs(graph: GraphWriter, { maskless, output }: CompileRequest, tokenTypes: number): GraphInputs {
  const shape = ["batch", "sequence"];
  return {
    ids: graph.input("input_ids", "int64", shape),
    mask: maskless ? undefined : graph.input("attention_mask", "int64", shape),
    tokenTypes: output === "logits" && tokenTypes > 1 ? graph.input("token_type_ids", "int64", shape) : undefined,
  };
}

function buildClassifier(architecture: Architecture, own: EncoderContext): void {
  const prefix = architecture.sharedPrefix?.(own);
  const context = { ...own, prefix };
  const hidden = architecture.encode(context, architecture.classifierRows(context.config));
  context.graph.output("logits", architecture.classify(context, hidden), ["batch", "labels"]);
  prefix?.giveOutputs();
}

function buildModuleClassifier(architecture: Architecture, context: EncoderContext, options: CompileOptions): void {
  context.graph.output("logits", buildVector(architecture, context, options).value, ["batch", "labels"]);
}

function buildEmbedder(architecture: Architecture, context: EncoderContext, options: CompileOptions): void {
  const { value, size } = buildVector(architecture, context, options);
  const vector = (options.normalize ?? true) ? normalizeRows(context.graph, value) : value;
  context.graph.output("embedding", vector, ["batch", size]);
}

/** One vector per text: its pooled rows, through the modules. */
function buildVector(
  architecture: Architecture,
  context: EncoderContext,
  { pooling, modules }: CompileOptions,
): { readonly value: Value; readonly size: number } {
  const { graph, inputs, config } = context;
  const rows = POOLED_ROWS[pooling ?? "mean"];
  if ((architecture.classifierRows(config) === "last") !== (rows === "last")) {
    throw new PgVectorDBError("invalid_argument", '`pooling` must be "last" for language models, and only for them.');
  }
  const hidden = architecture.encode(context, rows);
  const pooled = rows === "all" ? meanOfTokens(graph, hidden, inputs) : firstToken(graph, hidden);
  return applyModules(context, modules ?? [], pooled, architecture.hiddenSize(config));
}
