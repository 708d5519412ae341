import { spawn } from "node:child_process";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";

const compiled = (file: string) => pathToFileURL(`dist/${file}`).href;

/** Runs a module in a process of its own; the workers it starts are the compiled ones. */
async function run(
  module: string,
): Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", module], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

describe("process.exit()", () => {
  test("waits for native code that a worker is in, and lets it begin no more", async () => {
    const gate = compiled("inference/sessions/native-gate.js");
    const worker = `
      const { workerData: { memory, seen }, parentPort } = require("node:worker_threads");
      import(${JSON.stringify(gate)}).then(async ({ openGate }) => {
        await openGate(memory).pass(async () => {
          parentPort.postMessage("inside");
          Atomics.wait(seen, 0, 0, 300);
          Atomics.store(seen, 0, 1);
        });
        Atomics.store(seen, 1, 1);
      });`;
    const { code, stdout } = await run(`
      import { writeSync } from "node:fs";
      import { Worker } from "node:worker_threads";
      import { createGateMemory, watchGate } from ${JSON.stringify(gate)};
      const memory = createGateMemory();
      const seen = new Int32Array(new SharedArrayBuffer(8));
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [], workerData: { memory, seen } });
      watchGate(memory);
      process.on("exit", () => writeSync(1, JSON.stringify([...seen])));
      worker.once("message", () => process.exit(7));`);
    expect({ code, stdout }).toEqual({ code: 7, stdout: "[1,0]" });
  });

  test.each([40, 160, 320])(
    "while a model is opened ends the process and does not abort it: after %i ms",
    async (delay) => {
      const { code, signal, stderr } = await run(`
      import { CrossEncoderReranker } from ${JSON.stringify(compiled("rerankers/index.js"))};
      process.once("worker", () => setTimeout(() => process.exit(7), ${delay}));
      const reranker = new CrossEncoderReranker({ model: "builtin" });
      await reranker.rerank("query", ["a", "b"]);`);
      expect({ code, signal, stderr }).toMatchObject({ code: 7, signal: null, stderr: "" });
    },
  );
});
