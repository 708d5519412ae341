import { createRequire } from "node:module";
import { expect, it } from "vitest";
import type { NativeAddon, NativeModel } from "../src/inference/native/native-addon.ts";
import { randomTensors, smallShape } from "./random-model.suite.ts";
import { addonPath, describeAddons, KERNELS } from "./tested-kernels.suite.ts";

const shape = smallShape();
const ints = (...values: number[]) => Int32Array.from(values);

function detached<T extends Int32Array | Float32Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

describeAddons("the native engine refuses", ({ vectors, addon }) => {
  /** What TypeScript would not allow. */
  const create = (shape: unknown, tensors: unknown, arithmetic: unknown = "int8", units?: unknown): NativeModel =>
    Reflect.apply(addon().createModel, undefined, [shape, tensors, arithmetic, units]);
  const run = (...values: unknown[]): Float32Array => Reflect.apply(addon().run, undefined, values);

  const badNumbers = [0, -1, 1.5, 1e9, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE];
  const sizes = [
    "hidden",
    "inner",
    "heads",
    "layers",
    "embeddingSize",
    "vocabulary",
    "positions",
    "types",
    "labels",
  ] as const;
  it.each(sizes)("a size that is none: %s", (name) => {
    for (const value of badNumbers)
      expect(() => create({ ...shape, [name]: value }, randomTensors(shape, 1))).toThrow(RangeError);
    for (const value of [undefined, null, "64", 64n, {}, []]) {
      expect(() => create({ ...shape, [name]: value }, randomTensors(shape, 1))).toThrow(TypeError);
    }
  });

  it("shapes that it has no kernels for", () => {
    for (const change of [
      { hidden: 96, embeddingSize: 96 },
      { hidden: 1088, embeddingSize: 1088 },
      { inner: 100 },
      { inner: 4160 },
      { heads: 4 },
      { embeddingSize: 128 },
      { labels: 3 },
      { layers: 49 },
      { positionOffset: 64 },
      { positionOffset: -1 },
      { epsilon: 0 },
      { epsilon: Number.NaN },
      { epsilon: 2 },
      { output: "max" },
      { output: "mean\0" },
      { output: "a name that is longer than any" },
      { headActivation: "relu" },
      { headActivation: "tanh\0" },
      { headActivation: "a name that is longer than any" },
    ]) {
      expect(() => create({ ...shape, ...change }, randomTensors(shape, 1)), JSON.stringify(change)).toThrow(
        RangeError,
      );
    }
    for (const value of [undefined, null, 1, "", Symbol("shape"), () => shape])
      expect(() => create(value, [])).toThrow(TypeError);
  });

  it("an arithmetic that it does not have", () => {
    const tensors = randomTensors(shape, 1);
    for (const value of ["", "fp32", "int8\0", "float32 or a longer name"])
      expect(() => create(shape, tensors, value)).toThrow(RangeError);
    for (const value of [null, 8, {}, ["int8"]]) expect(() => create(shape, tensors, value)).toThrow(TypeError);
    expect(() => Reflect.apply(addon().createModel, undefined, [shape, tensors])).toThrow(TypeError);
  });

  it("units that there are not", () => {
    const tensors = randomTensors(shape, 1);
    for (const value of ["", "amx", "tiles\0", "vectors and more"])
      expect(() => create(shape, tensors, "int8", value)).toThrow(RangeError);
    for (const value of [null, 8, {}, ["tiles"]])
      expect(() => create(shape, tensors, "int8", value)).toThrow(TypeError);
    if (addon().units === "vectors")
      expect(() => create(shape, tensors, "int8", "tiles")).toThrow(vectors === "avx512-bf16" ? /no AMX/ : /no tiles/);
  });

  it("tensors of another number, size or kind", () => {
    const tensors = randomTensors(shape, 1);
    const withOne = (index: number, tensor: unknown) => tensors.map((value, i) => (i === index ? tensor : value));
    expect(() => create(shape, tensors.slice(1))).toThrow(RangeError);
    expect(() => create(shape, [...tensors, new Float32Array(1)])).toThrow(RangeError);
    expect(() => create(shape, new Array(tensors.length))).toThrow(TypeError);
    for (const value of [undefined, {}, "tensors", new Float32Array(41)])
      expect(() => create(shape, value)).toThrow(TypeError);
    for (const [index, tensor] of tensors.entries()) {
      expect(() => create(shape, withOne(index, tensor.subarray(1)))).toThrow(RangeError);
      expect(() => create(shape, withOne(index, new Float32Array(tensor.length + 1)))).toThrow(RangeError);
      expect(() => create(shape, withOne(index, detached(Float32Array.from(tensor))))).toThrow(RangeError);
      for (const value of [new Float64Array(tensor.length), [...tensor], null, new DataView(new ArrayBuffer(8))]) {
        expect(() => create(shape, withOne(index, value))).toThrow(TypeError);
      }
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const spoiled = Float32Array.from(tensor);
        spoiled[spoiled.length - 1] = value;
        expect(() => create(shape, withOne(index, spoiled))).toThrow(`tensors[${index}]`);
      }
    }
  });

  it("tensors that a getter takes away while they are read", () => {
    const tensors: Float32Array[] = randomTensors(shape, 1);
    const first = tensors[0] ?? new Float32Array();
    Object.defineProperty(tensors, tensors.length - 1, { get: () => new Float32Array(detached(first).length + 1) });
    expect(() => create(shape, tensors)).toThrow(RangeError);
    const throwing = Object.defineProperty({ ...shape }, "types", {
      get: () => {
        throw new SyntaxError("from the getter");
      },
    });
    expect(() => create(throwing, tensors)).toThrow(SyntaxError);
  });

  const runnable = KERNELS.filter((kernels) => kernels.vectors === vectors && kernels.missing === "");
  it.each(runnable)(
    "runs in $arithmetic by $units whose tokens, types or lengths do not fit",
    ({ arithmetic, units }) => {
      const model = create(shape, randomTensors(shape, 1), arithmetic, units);
      const largest = 2 ** 31 - 1;
      const zeros = (count: number) => new Int32Array(count);
      for (const [ids, types, lengths] of [
        [ints(), ints(), ints()],
        [ints(1), ints(0), ints()],
        [ints(), ints(), ints(0)],
        [ints(1), ints(0), ints(0)],
        [ints(1), ints(0), ints(2)],
        [ints(1, 2), ints(0, 0), ints(1)],
        [ints(1, 2), ints(0, 0), ints(3, -1)],
        [ints(1, 2), ints(0, 0), ints(-2147483648, largest)],
        [ints(1, 2), ints(0, 0), ints(1, 1, 0)],
        [ints(1, 2), ints(0), ints(2)],
        [ints(1), ints(0, 0), ints(1)],
        [ints(101), ints(0), ints(1)],
        [ints(-1), ints(0), ints(1)],
        [ints(largest), ints(0), ints(1)],
        [ints(-2147483648), ints(0), ints(1)],
        [ints(1), ints(2), ints(1)],
        [ints(1), ints(-1), ints(1)],
        [zeros(65), zeros(65), ints(65)],
        [zeros(4097), zeros(4097), zeros(4097).fill(1)],
        [detached(ints(1)), ints(0), ints(1)],
        [ints(1), detached(ints(0)), ints(1)],
        [ints(1), ints(0), detached(ints(1))],
      ]) {
        expect(() => run(model, ids, types, lengths)).toThrow(RangeError);
      }
      for (const value of [undefined, null, [1], new Uint32Array(1), new Float32Array(1), 1n, "1"]) {
        expect(() => run(model, value, ints(0), ints(1))).toThrow(TypeError);
        expect(() => run(model, ints(1), value, ints(1))).toThrow(TypeError);
        expect(() => run(model, ints(1), ints(0), value)).toThrow(TypeError);
      }
      expect(() => run(model)).toThrow(TypeError);
      expect(run(model, ints(100), ints(1), ints(1))).toHaveLength(1);
      expect(run(model, zeros(4096), zeros(4096), zeros(4096).fill(1))).toHaveLength(4096);
    },
  );

  it("models that are none, and those that were released", () => {
    const model = create(shape, randomTensors(shape, 1));
    for (const value of [undefined, null, {}, [], 1, "model", new Proxy(model, {}), Object.create(model), addon()]) {
      expect(() => run(value, ints(1), ints(0), ints(1))).toThrow(TypeError);
      expect(() => Reflect.apply(addon().release, undefined, [value])).toThrow(TypeError);
    }
    addon().release(model);
    addon().release(model);
    expect(() => run(model, ints(1), ints(0), ints(1))).toThrow("The model was released.");
  });

  it("models of another addon", () => {
    const model = create(shape, randomTensors(shape, 1));
    const path = addonPath(vectors === "avx2" ? "avx512-vnni" : "avx2");
    const other = createRequire(import.meta.url)(path) as NativeAddon;
    expect(() => other.run(model, ints(1), ints(0), ints(1))).toThrow(TypeError);
    expect(() => other.release(model)).toThrow(TypeError);
    expect(run(model, ints(1), ints(0), ints(1))).toHaveLength(1);
  });
});
