import { expect, it } from "vitest";
import type { NativeModel, PrunedTensor } from "../src/inference/native/native-addon.ts";
import { randomTensors, smallShape } from "./random-model.suite.ts";
import { randomPrunedTensors, smallPrunedShape } from "./random-pruned-model.suite.ts";
import { describeAddons } from "./tested-kernels.suite.ts";

const shape = smallPrunedShape({ layers: 2 });
const tensors = randomPrunedTensors(shape, 1);
const ints = (...values: number[]) => Int32Array.from(values);
const withOne = (index: number, tensor: unknown) => tensors.map((value, i) => (i === index ? tensor : value));

function detached<T extends PrunedTensor | Int32Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

describeAddons("of the package's own reranker the native engine refuses", ({ addon }) => {
  /** What TypeScript would not allow. */
  const create = (...values: unknown[]): NativeModel => Reflect.apply(addon().createPrunedModel, undefined, values);
  const run = (...values: unknown[]): Float32Array => Reflect.apply(addon().run, undefined, values);

  const badNumbers = [-1, 1.5, 1e9, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE];
  it.each([
    "hidden",
    "inner",
    "heads",
    "layers",
    "vocabulary",
    "positions",
    "keepPercent",
    "keepUncounted",
    "keepAtLeast",
  ])("a size that is none: %s", (name) => {
    for (const value of badNumbers) expect(() => create({ ...shape, [name]: value }, tensors)).toThrow(RangeError);
    for (const value of [undefined, null, "64", 64n, {}, []]) {
      expect(() => create({ ...shape, [name]: value }, tensors)).toThrow(TypeError);
    }
  });

  it.each([
    "epsilon",
    "bias",
    "matched",
    "alike",
    "first",
    "classifierBias",
    "lexicalRise",
    "lexicalSlope",
    "lexicalRoom",
    "lexicalMass",
  ])("a number that is none: %s", (name) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300]) {
      expect(() => create({ ...shape, [name]: value }, tensors)).toThrow(RangeError);
    }
    for (const value of [undefined, "1", 1n])
      expect(() => create({ ...shape, [name]: value }, tensors)).toThrow(TypeError);
  });

  it("shapes that it has no kernels for", () => {
    for (const change of [
      { hidden: 0 },
      { hidden: 96 },
      { hidden: 1088 },
      { inner: 100 },
      { inner: 4160 },
      { heads: 4 },
      { heads: 1 },
      { layers: 0 },
      { layers: 49 },
      { positions: 0 },
      { positions: 513 },
      { keepPercent: 101 },
      { keepUncounted: 513 },
      { keepAtLeast: 513 },
      { epsilon: 0 },
      { epsilon: 2 },
    ]) {
      expect(() => create({ ...shape, ...change }, tensors), JSON.stringify(change)).toThrow(RangeError);
    }
    for (const value of [undefined, null, 1, "", Symbol("shape"), () => shape])
      expect(() => create(value, tensors)).toThrow(TypeError);
  });

  it("tensors of another number, size or kind", () => {
    expect(() => create(shape, tensors.slice(1))).toThrow(RangeError);
    expect(() => create(shape, [...tensors, new Float32Array(1)])).toThrow(RangeError);
    expect(() => create(shape, new Array(tensors.length))).toThrow(TypeError);
    for (const value of [undefined, {}, "tensors", new Float32Array(41)])
      expect(() => create(shape, value)).toThrow(TypeError);
    for (const [index, tensor] of tensors.entries()) {
      expect(() => create(shape, withOne(index, tensor.subarray(1)))).toThrow(RangeError);
      expect(() => create(shape, withOne(index, detached(tensor.slice())))).toThrow(RangeError);
      const kinds = [Uint8Array, Int8Array, Float32Array, Float64Array, Uint8ClampedArray];
      for (const Kind of kinds.filter((kind) => !(tensor instanceof kind))) {
        expect(() => create(shape, withOne(index, new Kind(tensor.length)))).toThrow(TypeError);
      }
      if (!(tensor instanceof Float32Array)) continue;
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        expect(() => create(shape, withOne(index, tensor.with(tensor.length - 1, value)))).toThrow(`tensors[${index}]`);
      }
    }
  });

  it("tensors that a getter takes away while they are read", () => {
    const own = tensors.map((tensor) => tensor.slice());
    Object.defineProperty(own, own.length - 1, { get: () => detached(own[0] as PrunedTensor) && tensors.at(-1) });
    expect(() => create(shape, own)).toThrow(RangeError);
  });

  it("runs whose tokens, types or lengths do not fit", () => {
    const model = create(shape, tensors);
    const largest = 2 ** 31 - 1;
    const zeros = (count: number) => new Int32Array(count);
    for (const [ids, types, lengths] of [
      [ints(), ints(), ints()],
      [ints(1), ints(0), ints()],
      [ints(1), ints(0), ints(0)],
      [ints(1), ints(0), ints(2)],
      [ints(1, 2), ints(0, 0), ints(1)],
      [ints(1, 2), ints(0, 0), ints(3, -1)],
      [ints(1, 2), ints(0, 0), ints(-2147483648, largest)],
      [ints(1, 2), ints(0, 0), ints(1, 1, 0)],
      [ints(1, 2), ints(0), ints(2)],
      [ints(101), ints(0), ints(1)],
      [ints(-1), ints(0), ints(1)],
      [ints(largest), ints(0), ints(1)],
      [ints(-2147483648), ints(0), ints(1)],
      [ints(1, 2), ints(0, 2), ints(2)],
      [ints(1, 2), ints(0, -1), ints(2)],
      // The first token of each text is of the query.
      [ints(1, 2), ints(1, 0), ints(2)],
      [ints(1, 2), ints(0, 1), ints(1, 1)],
      // A query stands before its document.
      [ints(1, 2, 3), ints(0, 1, 0), ints(3)],
      [ints(1, 2, 3, 4), ints(0, 0, 1, 0), ints(1, 3)],
      [zeros(129), zeros(129), ints(129)],
      [zeros(4097), zeros(4097), zeros(4097).fill(1)],
      [detached(ints(1)), ints(0), ints(1)],
      [ints(1), detached(ints(0)), ints(1)],
      [ints(1), ints(0), detached(ints(1))],
    ]) {
      expect(() => run(model, ids, types, lengths)).toThrow(RangeError);
    }
    expect(run(model, ints(100), ints(0), ints(1))).toHaveLength(1);
    expect(run(model, ints(1, 2, 3, 4), ints(0, 1, 0, 1), ints(2, 2))).toHaveLength(2);
    expect(run(model, zeros(4096), zeros(4096), zeros(4096).fill(1))).toHaveLength(4096);
  });

  it("a model that was released, and the other kind's tensors", () => {
    const model = create(shape, tensors);
    addon().release(model);
    addon().release(model);
    expect(() => run(model, ints(1), ints(0), ints(1))).toThrow("The model was released.");
    const other = smallShape();
    expect(() => create(shape, randomTensors(other, 1))).toThrow(RangeError);
    expect(() => Reflect.apply(addon().createModel, undefined, [other, tensors, "int8"])).toThrow(RangeError);
  });
});
