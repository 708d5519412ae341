import { appendFileSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { NativeModel, WordsPlace } from "../src/inference/native/native-addon.ts";
import { randomNumbers, randomPair, randomTensors, smallShape } from "./random-model.suite.ts";
import { toBfloat16 } from "./reference-model.suite.ts";
import { describeKernels, KERNELS, type Kernels, testedModel } from "./tested-kernels.suite.ts";

const folder = mkdtempSync(join(tmpdir(), "words-file-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shape = smallShape({ hidden: 128, heads: 4 });
/** Words that every format has exactly, as has the memory of int8 models. */
const tensors = randomTensors(shape, 51).map((tensor, index) =>
  index > 0 ? tensor : tensor.map((value) => Math.round(toBfloat16(value) * 256) / 256).map((x) => toBfloat16(x)),
);
const words = tensors[0] as Float32Array;
const random = randomNumbers(52);
const pairs = Array.from({ length: 12 }, (_, i) => randomPair(shape, 1 + 5 * i, random));

const FORMATS: Readonly<Record<WordsPlace["format"], (values: Float32Array) => Uint8Array>> = {
  F32: (values) => new Uint8Array(Float32Array.from(values).buffer),
  F16: (values) => new Uint8Array(Uint16Array.from(values, toHalf).buffer),
  BF16: (values) =>
    new Uint8Array(Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), (bits) => bits >>> 16).buffer),
};

/** Of a number that binary16 has. */
function toHalf(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
  if (Math.abs(value) < 2 ** -14) return ((bits >>> 16) & 0x8000) | Math.round(Math.abs(value) * 2 ** 24);
  return ((bits >>> 16) & 0x8000) | (((bits >>> 13) & 0x3ffff) - (112 << 10));
}

/** A file with something before the words and behind them. */
function wordsFile(name: string, format: WordsPlace["format"] = "F32"): WordsPlace {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([Buffer.alloc(24, 0xff), FORMATS[format](words), Buffer.alloc(10, 0xff)]));
  return { path, start: 24, format };
}

function create(kernels: Kernels, place: WordsPlace): NativeModel {
  return kernels.addon().createModel(shape, tensors.slice(1), kernels.arithmetic, kernels.units, place);
}

describeKernels("words that stay in their file", KERNELS, (kernels) => {
  it.each(["F32", "F16", "BF16"] as const)("give what they give in memory, as %s", (format) => {
    const expected = kernels.createModel(shape, tensors).run(pairs);
    const place = wordsFile(`${format} Wörter`, format);
    const model = create(kernels, place);
    expect(testedModel(kernels.addon(), model).run(pairs)).toEqual(expected);
    // The file may go: it is open.
    rmSync(place.path);
    const other = kernels.addon().joinModel(kernels.addon().shareModel(model)) as NativeModel;
    kernels.addon().release(model);
    expect(testedModel(kernels.addon(), other).run(pairs)).toEqual(expected);
  });

  it.each<[string, (path: string) => void]>([
    ["cut", (path) => truncateSync(path, 1000)],
    ["longer", (path) => appendFileSync(path, "more")],
    ["written anew", (path) => writeFileSync(path, Buffer.alloc(24 + words.byteLength + 10))],
    ["touched", (path) => utimesSync(path, 1, 1)],
  ])("are an error where the file is %s after that", (name, change) => {
    const place = wordsFile(name);
    const model = testedModel(kernels.addon(), create(kernels, place));
    model.run(pairs);
    change(place.path);
    expect(() => model.run(pairs)).toThrow(/not what it was when the model was loaded/);
  });

  it("are refused where they are not", () => {
    const place = wordsFile("whole");
    for (const change of [
      { path: join(folder, "none") },
      { path: folder },
      { path: "/dev/zero" },
      { start: 24 + 11 },
      { start: 2 ** 53 - 1 },
    ]) {
      expect(() => create(kernels, { ...place, ...change }), JSON.stringify(change)).toThrow(/cannot be read/);
    }
    const wrong: [object, unknown][] = [
      [{ path: `${place.path}\0` }, RangeError],
      [{ path: "a".repeat(4096) }, RangeError],
      [{ start: -1 }, RangeError],
      [{ start: 0.5 }, RangeError],
      [{ start: Number.NaN }, RangeError],
      [{ start: 2 ** 60 }, RangeError],
      [{ format: "F64" }, RangeError],
      [{ format: "F32\0" }, RangeError],
      [{ path: undefined }, TypeError],
      [{ start: "24" }, TypeError],
      [{ format: 32 }, TypeError],
    ];
    for (const [change, error] of wrong) {
      expect(() => create(kernels, { ...place, ...change }), JSON.stringify(change)).toThrow(error as typeof Error);
    }
    for (const value of [null, 1, "words"]) {
      expect(() => create(kernels, value as unknown as WordsPlace)).toThrow(TypeError);
    }
    const { arithmetic, units } = kernels;
    expect(() => kernels.addon().createModel(shape, tensors, arithmetic, units, place)).toThrow(RangeError);
  });
});
