import type { InferenceSession, Tensor } from "onnxruntime-node";
import { PgVectorDBError } from "../../errors.ts";
import { importOptional } from "../../import-optional.ts";
import type { EncodedInput } from "../inputs/pair-encoder.ts";
import { groupByPrefix, type PrefixGroup } from "./group-by-prefix.ts";
import { toFloat32 } from "./half-float.ts";
import type { ModelOutput, ModelSession } from "./model-session.ts";
import { type NativeGate, OPEN_GATE } from "./native-gate.ts";
import { type PrefixState, PrefixStates } from "./prefix-states.ts";
import { SessionFeeds } from "./session-feeds.ts";

type Runtime = typeof import("onnxruntime-node");

export interface SessionOptions {
  readonly onnxPath: string;
  /** `"auto"`, or the name of an execution provider. */
  readonly device: string;
  readonly threads: number;
  readonly padTokenId: number;
  /** Whether the graph's products are quantised. */
  readonly quantized: boolean;
  /** What every call into the runtime goes through. */
  readonly gate?: NativeGate | undefined;
}

/** The highest of ONNX Runtime's log levels. */
const FATAL = 4;

/** The fused kernel gains nothing beside quantised products, which read and write their rows apart from it. */
const QUANTIZED_SETTINGS = { optimization: { disable_specified_optimizers: "SkipLayerNormFusion" } };

/**
 * Opens a model in ONNX Runtime. Only for worker threads: a run holds its thread's event loop.
 *
 * @throws PgVectorDBError `missing_dependency`, `invalid_argument` for a device the runtime lacks, `model_invalid`
 */
export async function openSession(options: SessionOptions): Promise<OnnxSession> {
  const { gate = OPEN_GATE, padTokenId } = options;
  return gate.pass(async () => {
    const runtime = await importRuntime();
    const session = await createSession(runtime, options);
    return new OnnxSession(runtime, session, { padTokenId, quantized: options.quantized, gate });
  });
}

async function importRuntime(): Promise<Runtime> {
  const runtime = await importOptional("onnxruntime-node", () => import("onnxruntime-node"), {
    neededFor: "Running a local model",
    install:
      "npm install onnxruntime-node (behind a firewall with ONNXRUNTIME_NODE_INSTALL=skip, which leaves out the GPU " +
      "libraries; there is none for Intel Macs and musl Linux)",
  });
  // What fails is thrown; ONNX Runtime would print it as well, also where `auto` only tries a device.
  runtime.env.logLevel = "fatal";
  return runtime;
}

/** An open model, fed exactly the inputs its graph names. */
export class OnnxSession implements ModelSession {
  readonly #session: InferenceSession;
  readonly #feeds: SessionFeeds;
  readonly #prefixes = new PrefixStates();
  readonly #quantized: boolean;
  readonly #gate: NativeGate;

  constructor(
    runtime: Runtime,
    session: InferenceSession,
    { padTokenId, quantized, gate }: Pick<SessionOptions, "padTokenId" | "quantized"> & { readonly gate: NativeGate },
  ) {
    this.#session = session;
    this.#feeds = new SessionFeeds(runtime.Tensor, session, padTokenId);
    this.#quantized = quantized;
    this.#gate = gate;
  }

  /** A graph may be exported for one, and without a mask nothing may be padded. */
  get maxBatch(): number {
    // Activations are scaled by the whole batch, so a pair's score would depend on the others: one pair a run.
    if (this.#quantized) return 1;
    if (!this.#session.inputNames.includes("attention_mask")) return 1;
    const sizes = this.#feeds.tokenInputs.map((input) => (input.isTensor ? input.shape[0] : undefined));
    return Math.min(...sizes.map((size) => (typeof size === "number" ? size : Number.POSITIVE_INFINITY)));
  }

  /** More in one run gains nothing on a processor, whose products are as fast by then, and more of a larger batch is padding. */
  get batchTokens(): number {
    return 512;
  }

  get readsPrefixOnce(): boolean {
    return this.#feeds.prefixSources.size > 0;
  }

  /** Rank of an output, or `undefined` when the graph has none of this name. */
  outputDims(name: string): readonly (number | string)[] | undefined {
    const output = this.#session.outputMetadata.find((candidate) => candidate.name === name);
    return output?.isTensor ? output.shape : undefined;
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Runs a padded batch, behind the prefix of its inputs where the graph takes one. */
  async run(batch: readonly EncodedInput[], outputName: string): Promise<ModelOutput> {
    if (!this.readsPrefixOnce) return this.#runBatch(batch, this.#feeds.noPrefix, outputName);
    const groups = groupByPrefix(batch);
    const outputs: ModelOutput[] = [];
    for (const { prefix, inputs } of groups) {
      outputs.push(await this.#runBatch(inputs, await this.#stateOf(prefix), outputName));
    }
    return joinGroups(groups, outputs);
  }

  async dispose(): Promise<void> {
    await this.#gate.pass(() => this.#session.release());
  }

  async #runBatch(batch: readonly EncodedInput[], prefix: PrefixState, outputName: string): Promise<ModelOutput> {
    const { [outputName]: output } = await this.#runGraph(this.#feeds.of(batch, prefix), [outputName]);
    const { data, dims } = output as Tensor;
    return { data: toFloat32(data), dims };
  }

  /** Always from a run of its own, so that a text's score is the same whatever was read before it. */
  async #stateOf(prefix: Int32Array): Promise<PrefixState> {
    const { noPrefix, prefixSources } = this.#feeds;
    if (prefix.length === 0) return noPrefix;
    return this.#prefixes.get(prefix, async () => {
      const input = { ids: prefix, typeIds: new Uint8Array(prefix.length) };
      const made = await this.#runGraph(this.#feeds.of([input], noPrefix), [...prefixSources.values()]);
      return Object.fromEntries([...prefixSources].map(([taker, source]) => [taker, made[source] as Tensor]));
    });
  }

  async #runGraph(feeds: Record<string, Tensor>, outputs: readonly string[]): Promise<InferenceSession.ReturnType> {
    try {
      return await this.#gate.pass(() => this.#session.run(feeds, outputs));
    } catch (cause) {
      throw new PgVectorDBError("inference_failed", "ONNX Runtime failed while running the model.", { cause });
    }
  }
}

/** The rows of each group's output, put at the places of its inputs. */
function joinGroups(groups: readonly PrefixGroup[], outputs: readonly ModelOutput[]): ModelOutput {
  const [first] = outputs;
  if (first === undefined || outputs.length === 1) return first ?? { data: new Float32Array(), dims: [] };
  const width = first.data.length / (first.dims[0] as number);
  const rows = groups.reduce((sum, { positions }) => sum + positions.length, 0);
  const data = new Float32Array(rows * width);
  for (const [i, { positions }] of groups.entries()) {
    for (const [row, position] of positions.entries()) {
      data.set((outputs[i] as ModelOutput).data.subarray(row * width, (row + 1) * width), position * width);
    }
  }
  return { data, dims: [rows, ...first.dims.slice(1)] };
}

async function createSession(runtime: Runtime, options: SessionOptions): Promise<InferenceSession> {
  const supported = runtime.listSupportedBackends().map((backend) => backend.name);
  const { device } = options;
  if (device === "auto") {
    if (!supported.includes("cuda")) return openOn(runtime, "cpu", options);
    // Listed does not mean that its libraries and a card are there: only trying tells, and `auto` means whatever works.
    return openOn(runtime, "cuda", options).catch(() => openOn(runtime, "cpu", options));
  }
  if (!supported.includes(device)) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`device\` "${device}" is not supported by this ONNX Runtime. It supports: ${supported.join(", ")}.`,
    );
  }
  return openOn(runtime, device, options);
}

async function openOn(runtime: Runtime, device: string, options: SessionOptions): Promise<InferenceSession> {
  try {
    return await runtime.InferenceSession.create(options.onnxPath, {
      executionProviders: [device],
      intraOpNumThreads: options.threads,
      logSeverityLevel: FATAL,
      ...(options.quantized ? { extra: QUANTIZED_SETTINGS } : {}),
    });
  } catch (cause) {
    if (device === "cpu") {
      throw new PgVectorDBError("model_invalid", "ONNX Runtime could not load the model's ONNX file.", { cause });
    }
    throw new PgVectorDBError(
      "missing_dependency",
      `ONNX Runtime could not start on \`device\` "${device}": its driver or libraries are missing, or it cannot run this model. Use "cpu".`,
      { cause },
    );
  }
}
