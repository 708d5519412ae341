import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { describe, expect, it, vi } from "vitest";
import { fixtureModel } from "../fixture-models.suite.ts";
import { prepareModel } from "../prepare-model.ts";
import { InferenceClient } from "./inference-client.ts";
import type { ClassifyTask } from "./worker-messages.ts";

const { signal } = new AbortController();

describe("a worker that is closed", () => {
  it("holds the process until its thread is gone, also when an answer comes that nobody waits for", async () => {
    const source = { model: fixtureModel("tiny-bert-cross-encoder"), dtype: "fp32", device: "cpu" } as const;
    const { model } = await prepareModel(
      { ...source, maxLength: 512, batchSize: 8 },
      { signal, onProgress: () => {} },
      async () => ({ output: "logits" }) as const,
    );
    const created = once(process, "worker") as Promise<[Worker]>;
    const client = await InferenceClient.start<ClassifyTask>(
      {
        kind: "classify",
        model: { ...model, workers: 1, threads: 1 },
        head: { labelCount: 1, relevant: 0 },
        longDocuments: { mode: "truncate", overlap: undefined, pooling: "max" },
      },
      signal,
    );
    const [worker] = await created;
    const unref = vi.spyOn(worker, "unref");
    const closed = client.close();
    worker.emit("message", { type: "result", id: 0, result: [] });
    await closed;
    expect(unref).not.toHaveBeenCalled();
  });
});
