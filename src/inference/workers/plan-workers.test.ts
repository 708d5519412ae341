import { describe, expect, test } from "vitest";
import { goldenCheckpoint } from "../compiler/golden-checkpoint.suite.ts";
import { graphOf, nativeMissing } from "../native/native-engine.suite.ts";
import { planSharingThreads, planThreads } from "./plan-threads.ts";
import { planWorkers } from "./plan-workers.ts";

const golden = goldenCheckpoint("bert-blocks");
const facts = { graph: graphOf(golden, "int8"), device: "cpu", bytes: 800_000_000, labels: 1 };

describe("planWorkers", () => {
  test.skipIf(nativeMissing)(`has workers share a large model that our own kernels run${nativeMissing}`, async () => {
    const plan = await planWorkers(facts);
    expect(plan).toEqual({ ...(await planSharingThreads()), sharesWeights: true, choice: plan.choice });
    expect(plan.choice.engine).toBe("native");
  });

  test.each([
    ["that ONNX Runtime runs", { ...facts, device: "cuda" }],
    ["of three labels", { ...facts, labels: 3 }],
    ["in an ONNX file", { ...facts, graph: { kind: "onnx", dtype: "fp32" } as const }],
  ])("loads a large model once %s, for one worker with all processors", async (_name, other) => {
    const { choice, ...plan } = await planWorkers(other);
    expect(plan).toEqual({ ...(await planThreads(facts.bytes)), sharesWeights: false });
    expect(plan.workers).toBe(1);
    expect(choice.engine).toBe("onnxruntime");
  });

  test("has no more workers for an ONNX file than copies of it are worth, whoever runs it", async () => {
    const plan = await planWorkers({ ...facts, graph: { kind: "onnx", dtype: "int8" } });
    expect(plan.workers).toBe(1);
  });

  test("keeps to the caller's bound", async () => {
    expect((await planWorkers(facts, 1)).workers).toBe(1);
  });
});
