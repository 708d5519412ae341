import { execFileSync } from "node:child_process";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import type { NativeShape } from "../src/inference/native/native-addon.ts";
import { outputWidth, randomNumbers, randomPair, randomTensors, smallShape } from "./random-model.suite.ts";
import { randomPrunedTensors, smallPrunedShape } from "./random-pruned-model.suite.ts";
import { addonPath, describeKernels, INT8_KERNELS, KERNELS, testedModel } from "./tested-kernels.suite.ts";

const shape = smallShape({ hidden: 128, heads: 4, layers: 3 });
const tensors = randomTensors(shape, 41);
const random = randomNumbers(42);
const pairs = Array.from({ length: 12 }, (_, i) => randomPair(shape, 1 + 5 * i, random));

/** The tensors of the parts in which weights may come: words, what else is embedded, each layer, the head. */
function partsOf({ layers }: NativeShape): Float32Array[][] {
  const ends = [1, 5, ...Array.from({ length: layers }, (_, i) => 5 + 16 * (i + 1)), 5 + 16 * layers + 4];
  return ends.map((end, i) => tensors.slice(ends[i - 1] ?? 0, end));
}

describeKernels("weights that come in parts", KERNELS, (kernels) => {
  const create = (first: readonly Float32Array[]) =>
    kernels.addon().createModel(shape, first, kernels.arithmetic, kernels.units);
  const expected = () => kernels.createModel(shape, tensors).run(pairs);

  it("are the same as all at once", () => {
    const addon = kernels.addon();
    const model = create([]);
    for (const part of partsOf(shape)) addon.addWeights(model, part);
    expect(testedModel(addon, model).run(pairs)).toEqual(expected());
  });

  it("may have their words in pieces", () => {
    const addon = kernels.addon();
    const [words = new Float32Array(), ...others] = tensors;
    const model = create([words.subarray(0, 3 * shape.hidden)]);
    addon.addWeights(model, [words.subarray(3 * shape.hidden, 90 * shape.hidden)]);
    addon.addWeights(model, [words.subarray(90 * shape.hidden), ...others]);
    expect(testedModel(addon, model).run(pairs)).toEqual(expected());
  });

  it("are whole before they are run or shared", () => {
    const addon = kernels.addon();
    const model = create(tensors.slice(0, 5));
    const tested = testedModel(addon, model);
    expect(() => tested.run(pairs)).toThrow(/lacks some of its weights/);
    expect(() => addon.shareModel(model)).toThrow(/lacks some of its weights/);
    addon.addWeights(model, tensors.slice(5));
    expect(tested.run(pairs)).toEqual(expected());
    expect(() => addon.addWeights(model, [])).toThrow(/has all of its weights/);
  });

  it("are refused where a part does not fit, and the right ones are taken after that", () => {
    const addon = kernels.addon();
    const words = tensors[0] as Float32Array;
    const model = create([]);
    const refused: [readonly unknown[] | undefined, unknown][] = [
      [undefined, TypeError],
      [[words.subarray(1)], RangeError],
      [[new Float32Array(0)], RangeError],
      [[words.subarray(0, 4 * shape.hidden), tensors[1]], RangeError],
      [tensors.slice(0, 4), RangeError],
      [tensors.slice(0, 6), RangeError],
      [[...tensors, tensors[3]], RangeError],
      [[...tensors.slice(0, 4), Float32Array.from(tensors[4] as Float32Array).fill(Number.NaN)], /tensors\[4\]/],
      [tensors.slice(0, 5).map((tensor) => [...tensor]), TypeError],
    ];
    for (const [part, error] of refused) {
      expect(() => Reflect.apply(addon.addWeights, undefined, [model, part])).toThrow(error as typeof Error);
    }
    addon.addWeights(model, tensors);
    expect(testedModel(addon, model).run(pairs)).toEqual(expected());
  });

  it("are refused by a model that a getter releases while they are read", () => {
    const addon = kernels.addon();
    const model = create([]);
    const hostile = Object.defineProperty([...tensors], 3, {
      get: () => {
        addon.release(model);
        return tensors[3];
      },
    });
    expect(() => addon.addWeights(model, hostile)).toThrow("The model was released.");
  });
});

/** Runs in a thread of its own: joins the weights, says what it scores, and scores on until it is told to end. */
const joining = `
  const { parentPort, workerData: { path, id, ids, types, lengths } } = require("node:worker_threads");
  const addon = require(path);
  const model = addon.joinModel(id);
  const run = () => addon.run(model, ids, types, lengths);
  parentPort.postMessage(run());
  parentPort.once("message", () => {
    parentPort.postMessage(run());
    if (!lengths.includes(1)) addon.release(model);  // else it ends with its thread
    parentPort.close();
  });`;

function nextMessage(worker: Worker): Promise<Float32Array> {
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

describeKernels("weights that threads share", KERNELS, (kernels) => {
  it("give the same in each, for as long as one of them has them", async () => {
    const addon = kernels.addon();
    const first = kernels.createModel(shape, tensors);
    const expected = first.run(pairs);
    const id = addon.shareModel(first.model);
    const workers = [pairs, pairs.slice(1)].map((some) => {
      const ids = Int32Array.from(some.flatMap((pair) => pair.ids));
      const types = Int32Array.from(some.flatMap((pair) => pair.types));
      const lengths = Int32Array.from(some, (pair) => pair.ids.length);
      const workerData = { path: addonPath(kernels.vectors), id, ids, types, lengths };
      return new Worker(joining, { eval: true, workerData });
    });
    const results = await Promise.all(workers.map(nextMessage));
    expect(results).toEqual([expected, expected.subarray(outputWidth(shape))]);
    first.release();
    const own = addon.joinModel(id);
    expect(own).toBeDefined();
    const again = workers.map(nextMessage);
    const ended = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
    for (const worker of workers) worker.postMessage("end");
    expect(await Promise.all(again)).toEqual(results);
    await Promise.all(ended);
    if (own) {
      expect(testedModel(addon, own).run(pairs)).toEqual(expected);
      addon.release(own);
    }
    expect(addon.joinModel(id)).toBeUndefined();
  });

  it("are not found by a number that is none", () => {
    const addon = kernels.addon();
    for (const id of [0, -1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
      expect(addon.joinModel(id)).toBeUndefined();
    }
    for (const id of [undefined, null, "1", 1n, {}]) {
      expect(() => Reflect.apply(addon.joinModel, undefined, [id])).toThrow(TypeError);
    }
  });

  it("are held once, however many have them", () => {
    const large = smallShape({ hidden: 256, heads: 8, inner: 1024, layers: 6, vocabulary: 20_000 });
    const code = `
      const { path, shape, arithmetic, units, lengths } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
      const addon = require(path);
      const first = addon.createModel(shape, lengths.map((length) => new Float32Array(length).fill(0.01)), arithmetic, units);
      gc();
      const before = process.memoryUsage.rss();
      const others = Array.from({ length: 20 }, () => addon.joinModel(addon.shareModel(first)));
      const logits = others.map((model) => addon.run(model, Int32Array.of(1, 2, 3), new Int32Array(3), Int32Array.of(3))[0]);
      console.log(JSON.stringify([new Set(logits).size, process.memoryUsage.rss() - before]));`;
    const input = JSON.stringify({
      path: addonPath(kernels.vectors),
      shape: large,
      arithmetic: kernels.arithmetic,
      units: kernels.units,
      lengths: randomTensors(large, 1).map(({ length }) => length),
    });
    const output = execFileSync(process.execPath, ["--expose-gc", "-e", code], { input, encoding: "utf8" });
    const [different, grown] = JSON.parse(output);
    expect(different).toBe(1);
    // The weights are 15 MB in int8 and 45 in float32; room to run three tokens is less than one.
    expect(grown).toBeLessThan(100e6);
  });
});

describeKernels("the package's own weights", INT8_KERNELS, (kernels) => {
  it("are shared as well", () => {
    const own = smallPrunedShape();
    const addon = kernels.addon();
    const first = kernels.createPrunedModel(own, randomPrunedTensors(own, 3));
    const other = addon.joinModel(addon.shareModel(first.model));
    const pair = { ids: [1, 7, 9, 11, 12, 13], types: [0, 0, 0, 1, 1, 1] };
    const expected = first.run([pair]);
    first.release();
    expect(other && testedModel(addon, other).run([pair])).toEqual(expected);
    expect(() => Reflect.apply(addon.addWeights, undefined, [other, []])).toThrow(/has all of its weights/);
  });
});
