import { execFileSync } from "node:child_process";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { randomTensors, smallShape } from "./random-model.suite.ts";
import { addonPath, describeKernels, KERNELS, type Kernels } from "./tested-kernels.suite.ts";

const shape = smallShape({ hidden: 128, layers: 3, positions: 128 });

/** Runs in a thread or a process of its own: the same pair over and over, beside others. */
const scoreOften = `
  function scoreOften({ path, shape, arithmetic, units }, tensors, times) {
    const addon = require(path);
    const model = addon.createModel(shape, tensors, arithmetic, units);
    const seen = new Set();
    for (let i = 0; i < times; i++) {
      const other = 1 + (i % 90);
      const ids = Int32Array.from({ length: 30 + other }, (_, t) => (t < 30 ? t : (t * i) % 101));
      seen.add(addon.run(model, ids, new Int32Array(ids.length), Int32Array.of(30, other))[0]);
    }
    addon.release(model);
    return [...seen];
  }`;

/** What such a thread or process gets to know of the kernels. */
const taskOf = ({ vectors, arithmetic, units }: Kernels) => ({ path: addonPath(vectors), shape, arithmetic, units });

function scoreInThread(tensors: readonly Float32Array[], kernels: Kernels): Promise<readonly number[]> {
  const code = `${scoreOften}
    const { parentPort, workerData: { task, tensors } } = require("node:worker_threads");
    parentPort.postMessage(scoreOften(task, tensors, 500));`;
  const worker = new Worker(code, { eval: true, workerData: { task: taskOf(kernels), tensors } });
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

describeKernels("the native engine in threads,", KERNELS, (kernels) => {
  it("gives the same logits in several at once, and ends with them", async () => {
    const tensors = randomTensors(shape, 21);
    const results = await Promise.all([1, 2, 3].map(() => scoreInThread(tensors, kernels)));
    expect(results[0]).toHaveLength(1);
    for (const result of results) expect(result).toEqual(results[0]);
  });

  it("holds no more memory after 2,000 runs and 100 models than before", () => {
    const tensors = randomTensors(shape, 22).map((tensor) => [...tensor]);
    const code = `${scoreOften}
      const { task, tensors } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
      const floats = tensors.map((tensor) => Float32Array.from(tensor));
      const resident = () => (gc(), gc(), process.memoryUsage.rss());
      const work = () => {
        scoreOften(task, floats, 1000);
        const addon = require(task.path);
        for (let i = 0; i < 50; i++) addon.createModel(task.shape, floats, task.arithmetic, task.units);  // freed by the collector
      };
      work();
      setImmediate(() => {
        const before = resident();
        work();
        work();
        // Finalizers run after the collector.
        setImmediate(() => (gc(), setImmediate(() => console.log(resident() - before))));
      });`;
    const options = {
      input: JSON.stringify({ task: taskOf(kernels), tensors }),
      encoding: "utf8",
    } as const;
    const grown = Number(execFileSync(process.execPath, ["--expose-gc", "-e", code], options));
    // A model of this shape has over 2 MB; a hundred that stayed would be 200.
    expect(grown).toBeLessThan(30e6);
  });
});
