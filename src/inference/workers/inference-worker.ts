import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ensureOnnxFile } from "../graphs/ensure-onnx-file.ts";
import { loadInputEncoder } from "../inputs/load-input-encoder.ts";
import { openNativeSession } from "../native/open-native-session.ts";
import { type NativeGate, openGate } from "../sessions/native-gate.ts";
import { openSession } from "../sessions/onnx-session.ts";
import { isStopped } from "./call-progress.ts";
import { findLogits, readQuery } from "./classify-steps.ts";
import { embed, findVectors } from "./embed-steps.ts";
import { FairScheduler } from "./fair-scheduler.ts";
import { type RunPart, runPortions } from "./run-portions.ts";
import {
  type ClassifyTask,
  type FromWorker,
  type InferenceTask,
  type ModelFacts,
  packError,
  type SharedRequest,
  type ToWorker,
  type WorkerStart,
} from "./worker-messages.ts";

/** One loaded model: how to run requests, and how to let go of it. */
interface LoadedModel {
  readonly facts: ModelFacts;
  /** What is done once for all portions of a request. */
  begin(request: SharedRequest<InferenceTask>): Promise<RunPart<InferenceTask>>;
  dispose(): Promise<void>;
}

async function load({ setup, shared: known }: WorkerStart, gate: NativeGate): Promise<LoadedModel> {
  const { model } = setup;
  const { encoder, pairs, padTokenId, answerTokens } = await loadInputEncoder(model);
  const native = await openNativeSession(model, gate, known);
  const shared = native?.shared;
  const session =
    native ??
    (await openSession({
      ...model,
      onnxPath: await ensureOnnxFile(model.graph, answerTokens),
      padTokenId,
      quantized: model.graph.dtype === "int8",
      gate,
    }));
  const dispose = () => session.dispose();
  if (setup.kind === "classify") {
    const { head, longDocuments } = setup;
    const classifier = { model, encoder: pairs, session, head, longDocuments, outputName: findLogits(session, head) };
    return {
      facts: { dimensions: 1, shared },
      begin: (request) => readQuery(classifier, (request as SharedRequest<ClassifyTask>).query),
      dispose,
    };
  }
  const outputName = findVectors(session);
  const sentences = { ...setup, encoder, session, outputName };
  const dimensions = session.outputDims(outputName)?.at(-1);
  return {
    facts: { dimensions: typeof dimensions === "number" ? dimensions : 0, shared },
    begin: async () => (part) => embed(sentences, part),
    dispose,
  };
}

async function serve(port: MessagePort, start: WorkerStart): Promise<void> {
  const send = (message: FromWorker) => port.postMessage(message);
  const scheduler = new FairScheduler();
  let isClosing = false;
  const model = await load(start, openGate(start.gateMemory));

  const run = async (id: number, request: SharedRequest<InferenceTask>) => {
    try {
      const steps = runPortions(request, () => model.begin(request));
      const result = await scheduler.run(steps, () => isClosing || isStopped(request.progress));
      send({ type: "result", id, result });
    } catch (error) {
      send({ type: "error", id, error: packError(error) });
    }
  };
  const close = async () => {
    isClosing = true;
    await scheduler.idle();
    await model.dispose();
    port.close();
  };
  port.on("message", (message: ToWorker) => {
    if (message.type === "run") void run(message.id, message.request);
    else void close();
  });
  send({ type: "ready", ...model.facts });
}

if (parentPort !== null) {
  const port = parentPort;
  serve(port, workerData as WorkerStart).catch((error: unknown) => {
    port.postMessage({ type: "failed", error: packError(error) } satisfies FromWorker);
    port.close();
  });
}
