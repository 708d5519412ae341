import { expect, it } from "vitest";
import type { NativeModel, NativeUnits, PrunedShape } from "../src/inference/native/native-addon.ts";
import { describeKernels, INT8_KERNELS, randomNumbers, runTogether } from "./random-model.suite.ts";
import { createPruned, randomPrunedTensors, smallPrunedShape } from "./random-pruned-model.suite.ts";
import type { EncodedPair } from "./reference-model.suite.ts";

const shape = smallPrunedShape({ positions: 512, layers: 2 });
const tensors = randomPrunedTensors(shape, 31);

function randomIds(random: () => number, length: number, { vocabulary }: PrunedShape = shape): number[] {
  return Array.from({ length }, () => Math.floor(random() * vocabulary));
}

function join(query: readonly number[], document: readonly number[]): EncodedPair {
  return { ids: [...query, ...document], types: [...query.map(() => 0), ...document.map(() => 1)] };
}

/** Each pair by a model that has read nothing else. */
function scoreFresh(pairs: readonly EncodedPair[], units: NativeUnits): number[] {
  return pairs.map((pair) => runTogether(createPruned(shape, tensors, units), [pair])[0] as number);
}

/** One run for each pair, so that the query of the one before is there. */
function scoreInTurn(model: NativeModel, pairs: readonly EncodedPair[]): number[] {
  return pairs.map((pair) => runTogether(model, [pair])[0] as number);
}

describeKernels("a query that the native engine keeps", INT8_KERNELS, ({ units }) => {
  it("gives what one read anew gives, to the last bit, in the same run and in the next", () => {
    const random = randomNumbers(32);
    for (const length of [1, 2, 3, 5, 12, 16, 17, 33]) {
      const query = randomIds(random, length);
      const pairs = [40, 0, 1, 15, 16, 200].map((document) => join(query, randomIds(random, document)));
      const fresh = scoreFresh(pairs, units);
      const model = createPruned(shape, tensors, units);
      expect([...runTogether(model, pairs)]).toEqual(fresh);
      expect([...runTogether(model, pairs)]).toEqual(fresh);
      expect(scoreInTurn(model, pairs.toReversed())).toEqual(fresh.toReversed());
    }
  });

  it("is told from one that differs in a piece, is shorter, or is longer", () => {
    const random = randomNumbers(33);
    const query = randomIds(random, 9);
    const document = randomIds(random, 30);
    const other = (token: number) => query.with(token, ((query[token] as number) + 1) % shape.vocabulary);
    const queries = [query, other(8), query, other(0), query, query.slice(0, 8), query, [...query, 3], other(4), query];
    const pairs = queries.map((own) => join(own, document));
    const fresh = scoreFresh(pairs, units);
    expect(new Set(fresh).size).toBe(6);
    const model = createPruned(shape, tensors, units);
    expect(scoreInTurn(model, pairs)).toEqual(fresh);
    expect([...runTogether(model, pairs)]).toEqual(fresh);
    // The same tokens, of which the query has one more and the document one less.
    const [ids, types] = [[...query, ...document], [...query, ...document].map((_, i) => Number(i >= 10))];
    expect(scoreInTurn(model, [{ ids, types }, pairs[0] as EncodedPair])).toEqual([
      ...scoreFresh([{ ids, types }], units),
      fresh[0],
    ]);
  });

  it("may change from pair to pair, and back", () => {
    const random = randomNumbers(34);
    const queries = [randomIds(random, 4), randomIds(random, 21), randomIds(random, 1)];
    const pairs = Array.from({ length: 24 }, (_, i) => join(queries[i % 3] ?? [], randomIds(random, (i * 7) % 50)));
    const grouped = pairs.toSorted((a, b) => (a.ids[0] as number) - (b.ids[0] as number));
    const model = createPruned(shape, tensors, units);
    expect([...runTogether(model, pairs)]).toEqual(scoreFresh(pairs, units));
    expect([...runTogether(model, grouped)]).toEqual(scoreFresh(grouped, units));
  });

  it("may be as long as the model allows, after a short one and before it", () => {
    const random = randomNumbers(35);
    const lengths = [
      [3, 1],
      [512, 0],
      [3, 2],
      [511, 1],
      [300, 212],
      [3, 509],
    ] as const;
    const pairs = lengths.map(([query, document]) => join(randomIds(random, query), randomIds(random, document)));
    const model = createPruned(shape, tensors, units);
    const fresh = scoreFresh(pairs, units);
    expect(scoreInTurn(model, pairs)).toEqual(fresh);
    expect([...runTogether(model, pairs)]).toEqual(fresh);
  });

  it("is kept by each model for itself", () => {
    const random = randomNumbers(36);
    const pair = join(randomIds(random, 6), randomIds(random, 20));
    const [model, other] = [
      createPruned(shape, tensors, units),
      createPruned(shape, randomPrunedTensors(shape, 37), units),
    ];
    const [own] = runTogether(model, [pair]);
    expect(runTogether(other, [pair])[0]).not.toBe(own);
    expect(runTogether(model, [pair])[0]).toBe(own);
  });

  it("is not kept of a run that was refused, nor lost by it", () => {
    const random = randomNumbers(38);
    const [query, document] = [randomIds(random, 6), randomIds(random, 20)];
    const model = createPruned(shape, tensors, units);
    const pair = join(query, document);
    const [own] = runTogether(model, [pair]);
    const refused = { ids: [...query.with(2, 7), shape.vocabulary], types: [0, 0, 0, 0, 0, 0, 1] };
    expect(() => runTogether(model, [refused])).toThrow(RangeError);
    expect(runTogether(model, [pair])[0]).toBe(own);
  });
});
