import type { InferenceSession, Tensor } from "onnxruntime-node";
import { PgVectorDBError } from "../../errors.ts";
import { importOptional } from "../../import-optional.ts";
import type { EncodedInput } from "../inputs/pair-encoder.ts";
import { toFloat32 } from "./half-float.ts";
import type { ModelOutput, ModelSession } from "./model-session.ts";
import { type NativeGate, OPEN_GATE } from "./native-gate.ts";

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

const KNOWN_INPUTS: ReadonlySet<string> = new Set(["input_ids", "attention_mask", "token_type_ids"]);

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
  readonly #runtime: Runtime;
  readonly #session: InferenceSession;
  readonly #padTokenId: number;
  readonly #quantized: boolean;
  readonly #gate: NativeGate;

  constructor(
    runtime: Runtime,
    session: InferenceSession,
    { padTokenId, quantized, gate }: Pick<SessionOptions, "padTokenId" | "quantized"> & { readonly gate: NativeGate },
  ) {
    this.#runtime = runtime;
    this.#session = session;
    this.#padTokenId = padTokenId;
    this.#quantized = quantized;
    this.#gate = gate;
    checkInputs(session);
  }

  /** A graph may be exported for one, and without a mask nothing may be padded. */
  get maxBatch(): number {
    // Activations are scaled by the whole batch, so a pair's score would depend on the others: one pair a run.
    if (this.#quantized) return 1;
    if (!this.#session.inputNames.includes("attention_mask")) return 1;
    const sizes = this.#session.inputMetadata.map((input) => (input.isTensor ? input.shape[0] : undefined));
    return Math.min(...sizes.map((size) => (typeof size === "number" ? size : Number.POSITIVE_INFINITY)));
  }

  /** More in one run gains nothing on a processor, whose products are as fast by then, and more of a larger batch is padding. */
  get batchTokens(): number {
    return 512;
  }

  /** Rank of an output, or `undefined` when the graph has none of this name. */
  outputDims(name: string): readonly (number | string)[] | undefined {
    const output = this.#session.outputMetadata.find((candidate) => candidate.name === name);
    return output?.isTensor ? output.shape : undefined;
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Runs a padded batch. */
  async run(batch: readonly EncodedInput[], outputName: string): Promise<ModelOutput> {
    const length = Math.max(...batch.map((input) => input.ids.length));
    const feeds = this.#feeds(batch, length);
    try {
      const results = await this.#gate.pass(() => this.#session.run(feeds, [outputName]));
      const output = results[outputName] as Tensor;
      return { data: toFloat32(output.data), dims: output.dims };
    } catch (cause) {
      throw new PgVectorDBError("inference_failed", "ONNX Runtime failed while running the model.", { cause });
    }
  }

  async dispose(): Promise<void> {
    await this.#gate.pass(() => this.#session.release());
  }

  #feeds(batch: readonly EncodedInput[], length: number): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    for (const input of this.#session.inputMetadata) {
      const values = new BigInt64Array(batch.length * length);
      batch.forEach((row, index) => {
        fillRow(values.subarray(index * length, (index + 1) * length), input.name, row, this.#padTokenId);
      });
      const isInt32 = input.isTensor && input.type === "int32";
      feeds[input.name] = isInt32
        ? new this.#runtime.Tensor("int32", Int32Array.from(values, Number), [batch.length, length])
        : new this.#runtime.Tensor("int64", values, [batch.length, length]);
    }
    return feeds;
  }
}

function fillRow(row: BigInt64Array, name: string, input: EncodedInput, padTokenId: number): void {
  const { ids, typeIds } = input;
  if (name === "attention_mask") {
    row.fill(1n, 0, ids.length);
  } else if (name === "token_type_ids") {
    for (let i = 0; i < typeIds.length; i++) row[i] = BigInt(typeIds[i] as number);
  } else {
    for (let i = 0; i < ids.length; i++) row[i] = BigInt(ids[i] as number);
    row.fill(BigInt(padTokenId), ids.length);
  }
}

function checkInputs(session: InferenceSession): void {
  const unknown = session.inputNames.filter((name) => !KNOWN_INPUTS.has(name));
  if (unknown.length > 0 || !session.inputNames.includes("input_ids")) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model's ONNX graph takes ${session.inputNames.join(", ")}; an encoder takes input_ids, attention_mask and token_type_ids.`,
    );
  }
  for (const input of session.inputMetadata) {
    if (input.isTensor && typeof input.shape[1] === "number") {
      throw new PgVectorDBError(
        "model_invalid",
        `The model's ONNX graph was exported for inputs of exactly ${input.shape[1]} tokens. Export it with a dynamic length.`,
      );
    }
  }
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
