import { expect, it } from "vitest";
import type { PrunedShape } from "../src/inference/native/native-addon.ts";
import { randomNumbers } from "./random-model.suite.ts";
import { randomPrunedTensors, smallPrunedShape } from "./random-pruned-model.suite.ts";
import type { EncodedPair } from "./reference-model.suite.ts";
import { describeKernels, INT8_KERNELS, type Kernels, type TestedModel } from "./tested-kernels.suite.ts";

const shape = smallPrunedShape({ positions: 512, layers: 2 });
const tensors = randomPrunedTensors(shape, 31);

function randomIds(random: () => number, length: number, { vocabulary }: PrunedShape = shape): number[] {
  return Array.from({ length }, () => Math.floor(random() * vocabulary));
}

function join(query: readonly number[], document: readonly number[]): EncodedPair {
  return { ids: [...query, ...document], types: [...query.map(() => 0), ...document.map(() => 1)] };
}

/** Each pair by a model that has read nothing else. */
function scoreFresh(pairs: readonly EncodedPair[], kernels: Kernels): number[] {
  return pairs.map((pair) => kernels.createPrunedModel(shape, tensors).run([pair])[0] as number);
}

/** One run for each pair, so that the query of the one before is there. */
function scoreInTurn(model: TestedModel, pairs: readonly EncodedPair[]): number[] {
  return pairs.map((pair) => model.run([pair])[0] as number);
}

describeKernels("a query that the native engine keeps", INT8_KERNELS, (kernels) => {
  it("gives what one read anew gives, to the last bit, in the same run and in the next", () => {
    const random = randomNumbers(32);
    for (const length of [1, 2, 3, 5, 12, 16, 17, 33]) {
      const query = randomIds(random, length);
      const pairs = [40, 0, 1, 15, 16, 200].map((document) => join(query, randomIds(random, document)));
      const fresh = scoreFresh(pairs, kernels);
      const model = kernels.createPrunedModel(shape, tensors);
      expect([...model.run(pairs)]).toEqual(fresh);
      expect([...model.run(pairs)]).toEqual(fresh);
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
    const fresh = scoreFresh(pairs, kernels);
    expect(new Set(fresh).size).toBe(6);
    const model = kernels.createPrunedModel(shape, tensors);
    expect(scoreInTurn(model, pairs)).toEqual(fresh);
    expect([...model.run(pairs)]).toEqual(fresh);
    // The same tokens, of which the query has one more and the document one less.
    const [ids, types] = [[...query, ...document], [...query, ...document].map((_, i) => Number(i >= 10))];
    expect(scoreInTurn(model, [{ ids, types }, pairs[0] as EncodedPair])).toEqual([
      ...scoreFresh([{ ids, types }], kernels),
      fresh[0],
    ]);
  });

  it("may change from pair to pair, and back", () => {
    const random = randomNumbers(34);
    const queries = [randomIds(random, 4), randomIds(random, 21), randomIds(random, 1)];
    const pairs = Array.from({ length: 24 }, (_, i) => join(queries[i % 3] ?? [], randomIds(random, (i * 7) % 50)));
    const grouped = pairs.toSorted((a, b) => (a.ids[0] as number) - (b.ids[0] as number));
    const model = kernels.createPrunedModel(shape, tensors);
    expect([...model.run(pairs)]).toEqual(scoreFresh(pairs, kernels));
    expect([...model.run(grouped)]).toEqual(scoreFresh(grouped, kernels));
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
    const model = kernels.createPrunedModel(shape, tensors);
    const fresh = scoreFresh(pairs, kernels);
    expect(scoreInTurn(model, pairs)).toEqual(fresh);
    expect([...model.run(pairs)]).toEqual(fresh);
  });

  it("is kept by each model for itself", () => {
    const random = randomNumbers(36);
    const pair = join(randomIds(random, 6), randomIds(random, 20));
    const [model, other] = [
      kernels.createPrunedModel(shape, tensors),
      kernels.createPrunedModel(shape, randomPrunedTensors(shape, 37)),
    ];
    const [own] = model.run([pair]);
    expect(other.run([pair])[0]).not.toBe(own);
    expect(model.run([pair])[0]).toBe(own);
  });

  it("is not kept of a run that was refused, nor lost by it", () => {
    const random = randomNumbers(38);
    const [query, document] = [randomIds(random, 6), randomIds(random, 20)];
    const model = kernels.createPrunedModel(shape, tensors);
    const pair = join(query, document);
    const [own] = model.run([pair]);
    const refused = { ids: [...query.with(2, 7), shape.vocabulary], types: [0, 0, 0, 0, 0, 0, 1] };
    expect(() => model.run([refused])).toThrow(RangeError);
    expect(model.run([pair])[0]).toBe(own);
  });
});
