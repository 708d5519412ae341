import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, it } from "vitest";
import { fixtureModel, type GoldenPairs, readFixture } from "../fixture-models.suite.ts";
import { openSession } from "./onnx-session.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe("OnnxSession", async () => {
  const { pairs } = readFixture<GoldenPairs>("tiny-bert-cross-encoder/golden.json");
  const batch = pairs.map(({ inputIds, tokenTypeIds }) => ({
    ids: Int32Array.from(inputIds),
    typeIds: Uint8Array.from(tokenTypeIds ?? []),
  }));
  const session = await openSession({
    onnxPath: fixtureModel("tiny-bert-cross-encoder/onnx/model.onnx"),
    device: "cpu",
    threads: 1,
    padTokenId: 0,
    quantized: false,
  });
  afterAll(() => session.dispose());

  it("gives one row of logits per input", async () => {
    const { data, dims } = await session.run(batch, "logits");
    expect(dims).toEqual([pairs.length, 1]);
    for (const [row, { logits }] of pairs.entries()) expect(data[row]).toBeCloseTo(logits[0] as number, 4);
  });

  it("lets go of every tensor", async () => {
    const buffersAfter = async (runs: number) => {
      for (let run = 0; run < runs; run++) await session.run(batch, "logits");
      // Buffers of collected tensors are released in later turns of the event loop.
      for (let turn = 0; turn < 10; turn++) {
        collectGarbage();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return process.memoryUsage().arrayBuffers;
    };
    const before = await buffersAfter(20);
    // 300 runs make 6 MB of input tensors.
    expect((await buffersAfter(300)) - before).toBeLessThan(500_000);
  });
});
