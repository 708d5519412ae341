import { expectTypeOf, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { RerankSearchOptions, RerankSearchResult, SearchHit, SearchResult } from "../src/contracts/collection.ts";
import type { Where } from "../src/contracts/where.ts";
import type { PGliteLike } from "../src/database/given-pglite.ts";
import type { OpenOptions } from "../src/pgvectordb.ts";
import type { SearchQuery } from "../src/retrieval/search-query.ts";

interface Product {
  price: number;
  brand?: string;
  tags: string[];
  size: { width: number; unit?: string };
  madeAt: Date;
}

it("types filters by the metadata, nested fields by their paths", () => {
  const right = [
    { price: 3 },
    { price: { $gt: 3, $lte: 4 }, brand: "sony" },
    { "size.width": { $in: [1, 2] } },
    { tags: "audio" },
    { brand: null },
    { madeAt: { $gt: new Date() } },
    { "size.unit": "cm" },
  ] satisfies Where<Product>[];
  expectTypeOf(right).not.toBeAny();
  // @ts-expect-error the price is a number
  const wrongType: Where<Product> = { price: "3" };
  // @ts-expect-error there is no such field
  const wrongField: Where<Product> = { prize: 3 };
  // @ts-expect-error there is no such nested field
  const wrongPath: Where<Product> = { "size.height": 3 };
  // @ts-expect-error a boolean or an array has no order
  const wrongOperator: Where<{ ok: boolean }> = { ok: { $gt: true } };
  const anything: Where<Record<string, unknown>> = { whatever: { $gt: 3 }, "a.b": "c" };
  expectTypeOf([wrongType, wrongField, wrongPath, wrongOperator, anything]).not.toBeAny();
});

it("knows the operators that fit a field", () => {
  const right = [
    { price: { $between: [1, 2], $ne: 3, $exists: true } },
    { brand: { $like: "s%", $ilike: "S%", $in: ["sony", null], $gte: "a" } },
    { tags: { $in: ["audio"], $nin: ["kitchen"], $exists: true, $not: { $eq: "x" } } },
    { size: { $exists: false } },
    { size: null },
    { madeAt: { $between: [new Date(), new Date()], $ne: "2024-05-01T00:00:00.000Z" } },
    { "size.width": { $not: { $gt: 3 } } },
    { $or: [{ price: 3 }, { $and: [{ brand: "sony" }, { $not: { tags: "audio" } }] }], price: { $lt: 5 } },
  ] satisfies Where<Product>[];
  const untyped = [
    { $or: [{ whatever: { $gt: 3 } }, { $not: { "a.b": { $like: "c%" } } }] },
    { at: { $gte: new Date() }, tags: { $nin: ["x", 3, null] } },
  ] satisfies Where<Record<string, unknown>>[];
  type Literal = Where<{ state: "new" | "old" }>;
  const literal: Literal = { state: { $in: ["new"], $like: "n%" } };
  // @ts-expect-error a number has no pattern
  const pattern: Where<Product> = { price: { $like: "3%" } };
  // @ts-expect-error a date has no pattern
  const datePattern: Where<Product> = { madeAt: { $like: "2024%" } };
  // @ts-expect-error an array has no order
  const arrayRange: Where<Product> = { tags: { $gt: "a" } };
  // @ts-expect-error an array has no pattern
  const arrayPattern: Where<Product> = { tags: { $like: "a%" } };
  // @ts-expect-error an object has no value
  const object: Where<Product> = { size: { width: 3 } };
  // @ts-expect-error two values
  const between: Where<Product> = { price: { $between: [1] } };
  // @ts-expect-error of the field's type
  const member: Where<Product> = { price: { $in: ["3"] } };
  // @ts-expect-error of the field's type, inside a negation too
  const negated: Where<Product> = { price: { $not: { $gt: "3" } } };
  // @ts-expect-error of the field's type, inside a combination too
  const nested: Where<Product> = { $or: [{ price: 3 }, { $and: [{ price: "3" }] }] };
  // @ts-expect-error no such operator
  const unknown: Where<Product> = { price: { $regex: "3" } };
  // @ts-expect-error not one of the values
  const other: Literal = { state: "gone" };
  // @ts-expect-error a list of filters
  const list: Where<Product> = { $and: { price: 3 } };
  expectTypeOf([right, untyped, literal, pattern, datePattern, arrayRange, arrayPattern, object]).not.toBeAny();
  expectTypeOf([between, member, negated, nested, unknown, other, list]).not.toBeAny();
});

it("types hits by the metadata", () => {
  type Hits = Awaited<ReturnType<Collection<Product>["rerankSearch"]>>["hits"];
  expectTypeOf<Hits>().toEqualTypeOf<readonly SearchHit<Product>[]>();
  expectTypeOf<Hits[number]["metadata"]["price"]>().toEqualTypeOf<number>();
});

it("allows a method's own options only", () => {
  const right = [
    {},
    { weights: { keyword: 2 } },
    { method: "semantic", exact: true },
  ] satisfies RerankSearchOptions<Product>[];
  // @ts-expect-error keyword search has no weights
  const wrong: RerankSearchOptions<Product> = { method: "keyword", weights: { keyword: 2 } };
  // @ts-expect-error one source, not two
  const two: OpenOptions = { url: "./data", pglite: {} as PGliteLike };
  expectTypeOf([right, wrong, two]).not.toBeAny();
});

it("narrows a query step by step", () => {
  type Start = SearchQuery<Product>;
  expectTypeOf<Awaited<ReturnType<Start["run"]>>>().toEqualTypeOf<SearchResult<Product>>();
  const steps = (query: Start) => {
    const reranked = query
      .hybrid({ weights: { keyword: 2 } })
      .where({ price: { $lt: 3 } })
      .rerank();
    expectTypeOf(reranked.offset(3).run()).resolves.toEqualTypeOf<RerankSearchResult<Product>>();
    expectTypeOf(query.semantic().exact().run()).resolves.toEqualTypeOf<SearchResult<Product>>();
    // @ts-expect-error keyword search compares no vectors
    query.keyword().exact();
    // @ts-expect-error one method
    query.keyword().semantic();
    // @ts-expect-error another method's option
    query.keyword({ weights: { keyword: 2 } });
    // @ts-expect-error a page of what was reranked
    query.hybrid().offset(3);
    // @ts-expect-error a field's type
    query.where({ price: "3" });
    // @ts-expect-error its own step
    query.hybrid({ k: 3 });
  };
  expectTypeOf(steps).not.toBeAny();
});
