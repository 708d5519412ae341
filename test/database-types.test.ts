import { expectTypeOf, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { RerankSearchOptions, SearchHit } from "../src/contracts/collection.ts";
import type { Where } from "../src/contracts/where.ts";
import type { PGliteLike } from "../src/database/given-pglite.ts";
import type { OpenOptions } from "../src/pgvectordb.ts";

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
