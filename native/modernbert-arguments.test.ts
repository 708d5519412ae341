import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { NativeModel } from "../src/inference/native/native-addon.ts";
import { randomModernbertTensors, smallModernbertShape } from "./random-modernbert.suite.ts";
import { toBfloat16 } from "./reference-model.suite.ts";
import { describeAddons, describeKernels, KERNELS, testedModel } from "./tested-kernels.suite.ts";

const folder = mkdtempSync(join(tmpdir(), "modernbert-words-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shape = smallModernbertShape();
const tensors = randomModernbertTensors(shape, 1);
const ints = (...values: number[]) => Int32Array.from(values);

function detached<T extends Float32Array | Uint8Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

describeAddons("of a ModernBERT the native engine refuses", ({ addon }) => {
  /** What TypeScript would not allow. */
  const create = (shape: unknown, tensors: unknown, ...others: unknown[]): NativeModel =>
    Reflect.apply(addon().createModernbertModel, undefined, [shape, tensors, ...(others.length ? others : ["int8"])]);
  const run = (...values: unknown[]): Float32Array => Reflect.apply(addon().run, undefined, values);

  const badNumbers = [-1, 1.5, 1e9, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE];
  it.each(["hidden", "inner", "heads", "layers", "vocabulary", "positions", "reach", "labels"])(
    "a size that is none: %s",
    (name) => {
      for (const value of badNumbers) expect(() => create({ ...shape, [name]: value }, tensors)).toThrow(RangeError);
      for (const value of [undefined, null, "64", 64n, {}, []]) {
        expect(() => create({ ...shape, [name]: value }, tensors)).toThrow(TypeError);
      }
    },
  );

  it("shapes that it has no kernels for", () => {
    for (const change of [
      { hidden: 96 },
      { hidden: 1088 },
      { inner: 100 },
      { inner: 4160 },
      { heads: 4 },
      { heads: 0 },
      { labels: 3 },
      { layers: 49 },
      { positions: 8193 },
      { epsilon: 0 },
      { epsilon: Number.NaN },
      { headEpsilon: 2 },
      { pooling: "max" },
      { pooling: "cls\0" },
      { output: "first" },
      { headActivation: "tanh" },
      { headActivation: "gelu and more" },
      { isGlobal: new Uint8Array(2) },
      { isGlobal: new Uint8Array(4) },
      { isGlobal: detached(new Uint8Array(3)) },
    ]) {
      expect(() => create({ ...shape, ...change }, tensors), JSON.stringify(change)).toThrow(RangeError);
    }
    for (const isGlobal of [undefined, null, [1, 0, 0], new Int8Array(3), "100", { length: 3 }])
      expect(() => create({ ...shape, isGlobal }, tensors)).toThrow(TypeError);
    for (const value of [undefined, null, 1, "", Symbol("shape"), () => shape])
      expect(() => create(value, [])).toThrow(TypeError);
  });

  it("a head's tensors where there is no head", () => {
    const embedder = {
      ...shape,
      output: "embedding",
      labels: undefined,
      headEpsilon: undefined,
      headActivation: undefined,
    };
    expect(() => create(embedder, tensors)).toThrow(RangeError);
    const model = create(embedder, tensors.slice(0, -6));
    expect(run(model, ints(1, 2, 3), ints(0, 0, 0), ints(1, 2))).toHaveLength(2 * shape.hidden);
    for (const output of [undefined, null, 1, {}])
      expect(() => create({ ...shape, output }, tensors)).toThrow(TypeError);
  });

  it("an arithmetic or units that it does not have", () => {
    for (const value of ["", "fp32", "int8\0"]) expect(() => create(shape, tensors, value)).toThrow(RangeError);
    for (const value of [undefined, null, 8]) expect(() => create(shape, tensors, value)).toThrow(TypeError);
    expect(() => create(shape, tensors, "int8", "amx")).toThrow(RangeError);
  });

  it("tensors of another number, size or kind", () => {
    const withOne = (index: number, tensor: unknown) => tensors.map((value, i) => (i === index ? tensor : value));
    expect(() => create(shape, tensors.slice(1))).toThrow(RangeError);
    expect(() => create(shape, [...tensors, new Float32Array(1)])).toThrow(RangeError);
    expect(() => create(shape, new Array(tensors.length))).toThrow(TypeError);
    for (const [index, tensor] of tensors.entries()) {
      expect(() => create(shape, withOne(index, tensor.subarray(1)))).toThrow(RangeError);
      expect(() => create(shape, withOne(index, new Float32Array(tensor.length + 1)))).toThrow(RangeError);
      expect(() => create(shape, withOne(index, detached(Float32Array.from(tensor))))).toThrow(RangeError);
      for (const value of [new Float64Array(tensor.length), [...tensor], null])
        expect(() => create(shape, withOne(index, value))).toThrow(TypeError);
      const spoiled = Float32Array.from(tensor);
      spoiled[spoiled.length - 1] = Number.NaN;
      expect(() => create(shape, withOne(index, spoiled))).toThrow(`tensors[${index}]`);
    }
  });

  it.each(["int8", "float32"])("runs in %s whose tokens, types or lengths do not fit", (arithmetic) => {
    const model = create(shape, tensors, arithmetic);
    for (const [ids, types, lengths] of [
      [ints(), ints(), ints()],
      [ints(1), ints(0), ints(2)],
      [ints(1, 2), ints(0, 0), ints(1)],
      [ints(1, 2), ints(0, 0), ints(3, -1)],
      [ints(101), ints(0), ints(1)],
      [ints(-1), ints(0), ints(1)],
      [ints(1), ints(1), ints(1)],
      [ints(1), ints(-1), ints(1)],
      [new Int32Array(65), new Int32Array(65), ints(65)],
      [new Int32Array(4097), new Int32Array(4097), new Int32Array(4097).fill(1)],
    ]) {
      expect(() => run(model, ids, types, lengths)).toThrow(RangeError);
    }
    expect(run(model, ints(100), ints(0), ints(1))).toHaveLength(1);
    expect(run(model, new Int32Array(4096), new Int32Array(4096), new Int32Array(4096).fill(1))).toHaveLength(4096);
    addon().release(model);
    expect(() => run(model, ints(1), ints(0), ints(1))).toThrow("The model was released.");
  });
});

describeKernels("a ModernBERT's weights", KERNELS, (kernels) => {
  const texts = [{ ids: [5, 6, 7, 8, 9, 10, 11], types: new Array<number>(7).fill(0) }];

  it("may have their words in a file", () => {
    const addon = kernels.addon();
    const [words = new Float32Array(), ...others] = tensors;
    // int8 models hold words in bfloat16, and a file of it has the same.
    const rounded = words.map(toBfloat16);
    const expected = kernels.createModernbertModel(shape, [rounded, ...others]).run(texts);
    const path = join(folder, "words");
    writeFileSync(path, Buffer.concat([Buffer.alloc(8, 0xff), new Uint8Array(rounded.buffer)]));
    const place = { path, start: 8, format: "F32" } as const;
    const model = addon.createModernbertModel(shape, others, kernels.arithmetic, kernels.units, place);
    expect(testedModel(addon, model).run(texts)).toEqual(expected);
    appendFileSync(path, "more");
    expect(() => testedModel(addon, model).run(texts)).toThrow(/file of the model's words/);
    const missing = { ...place, path: join(folder, "none") };
    expect(() => addon.createModernbertModel(shape, [], kernels.arithmetic, kernels.units, missing)).toThrow(/file/);
  });

  it("may come in parts, the words in pieces, and be shared", () => {
    const addon = kernels.addon();
    const expected = kernels.createModernbertModel(shape, tensors).run(texts);
    const model = addon.createModernbertModel(shape, [], kernels.arithmetic, kernels.units);
    const [words = new Float32Array(), ...others] = tensors;
    addon.addWeights(model, [words.subarray(0, 7 * shape.hidden)]);
    expect(() => testedModel(addon, model).run(texts)).toThrow(/lacks some of its weights/);
    addon.addWeights(model, [words.subarray(7 * shape.hidden)]);
    addon.addWeights(model, others.slice(0, 6));
    expect(() => addon.addWeights(model, others.slice(6, 17))).toThrow(/a whole part/);
    addon.addWeights(model, others.slice(6, 18));
    addon.addWeights(model, others.slice(18));
    expect(testedModel(addon, model).run(texts)).toEqual(expected);
    const other = addon.joinModel(addon.shareModel(model));
    addon.release(model);
    expect(other && testedModel(addon, other).run(texts)).toEqual(expected);
  });
});
