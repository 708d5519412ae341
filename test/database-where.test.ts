import fc from "fast-check";
import sql from "sql-template-tag";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { OpenDatabase } from "../src/contracts/database.ts";
import type { Where } from "../src/contracts/where.ts";
import { type CollectionRecord, findCollection, targetOf } from "../src/database/catalog.ts";
import { openDatabase } from "../src/database/open-database.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { compileWhere } from "../src/search/compile-where.ts";
import { fieldExpression, indexedFieldExpression } from "../src/search/field-expression.ts";
import { identifier } from "../src/search/identifier.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { matches } from "./matches-where.ts";
import { openTestDatabase, SHARDS } from "./test-database.ts";

let db: PgVectorDB;
let close: () => Promise<void>;
let connection: OpenDatabase;

beforeAll(async () => {
  let url: string;
  ({ db, url, close } = await openTestDatabase());
  connection = await openDatabase({ url });
});

afterAll(async () => {
  await connection.close();
  await close();
});

const NAMES = ["a", "b", "c", "0", "NULL", "__proto__", "it's \"\\ {x}", "$1"].filter((name) => !name.startsWith("$"));
const TEXTS = [
  "",
  "a",
  "A",
  "b%",
  "a_b",
  "100",
  "null",
  "😀",
  "\uffee",
  "é",
  "2024-05-01",
  "2024-05-01T02:00:00+02:00",
];
const DATES = [new Date("2024-05-01"), new Date("1969-12-31T23:59:59.999Z"), new Date("2024-05-01T00:00:00.001Z")];

const text = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string({ maxLength: 3 }).filter((value) => !value.includes("\0")),
);
const scalar = fc.oneof(
  text,
  fc.integer({ min: -2, max: 3 }),
  fc.constantFrom(0.1, -0, 1e300, 5e-324, 100),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(...DATES),
);
const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie("value"), { maxKeys: 3 }),
  ),
})).value;
const metadata = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 4 });

const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 2 }).map((names) => names.join("."));
const ordered = fc.oneof(text, fc.integer({ min: -2, max: 3 }), fc.constantFrom(...DATES));
const pattern = fc
  .array(fc.constantFrom("%", "_", "a", "B", "b", "1", "\\%", "\\\\", "😀"), { maxLength: 4 })
  .map((parts) => parts.join(""));
const operators: fc.Arbitrary<Record<string, unknown>> = fc.letrec<{ operators: Record<string, unknown> }>((tie) => ({
  operators: fc.oneof(
    { maxDepth: 2, depthIdentifier: "operators" },
    fc.oneof(
      scalar.map(($eq) => ({ $eq })),
      scalar.map(($ne) => ({ $ne })),
      fc.array(scalar, { maxLength: 4 }).map(($in) => ({ $in })),
      fc.array(scalar, { maxLength: 4 }).map(($nin) => ({ $nin })),
      fc.constantFrom("$lt", "$lte", "$gt", "$gte").chain((name) => ordered.map((bound) => ({ [name]: bound }))),
      fc
        .constantFrom(text, fc.integer({ min: -2, max: 3 }), fc.constantFrom(...DATES))
        .chain((bound) =>
          fc.tuple(bound as fc.Arbitrary<unknown>, bound as fc.Arbitrary<unknown>).map(($between) => ({ $between })),
        ),
      pattern.map(($like) => ({ $like })),
      pattern.map(($ilike) => ({ $ilike })),
      fc.boolean().map(($exists) => ({ $exists })),
    ),
    tie("operators").map(($not) => ({ $not })),
  ),
})).operators;
const where: fc.Arbitrary<Record<string, unknown>> = fc.letrec<{ where: Record<string, unknown> }>((tie) => ({
  where: fc.oneof(
    { maxDepth: 3, depthIdentifier: "where" },
    fc.dictionary(path, fc.oneof(scalar, operators), { minKeys: 1, maxKeys: 2 }),
    fc.array(tie("where"), { minLength: 1, maxLength: 3 }).map(($and) => ({ $and })),
    fc.array(tie("where"), { minLength: 1, maxLength: 3 }).map(($or) => ({ $or })),
    tie("where").map(($not) => ({ $not })),
  ),
})).where;

describe("filters on generated documents", () => {
  let collection: Collection;
  const documents = fc.sample(metadata, { numRuns: 400, seed: 42 });

  beforeAll(async () => {
    collection = await db.collection("generated", { embedder: hashEmbedder({ dimensions: 2 }) });
    await collection.addDocuments(
      documents.map((metadata, index) => ({ id: `${index}`, content: "x", metadata, embedding: [1, 0] })),
    );
  });

  it("match what a plain evaluation of the same filter matches", async () => {
    const target = targetOf(
      (await findCollection(connection, "generated")) as CollectionRecord,
      connection.capabilities,
    );
    const table = identifier(target.schema, target.table);
    const stored = documents.map((metadata) => JSON.parse(JSON.stringify(metadata)) as Record<string, unknown>);
    const seen = { some: 0, none: 0 };
    await fc.assert(
      fc.asyncProperty(where, async (filter) => {
        const rows = await connection.query<{ id: string }>(
          sql`SELECT id FROM ${table} WHERE ${compileWhere(filter) ?? sql`true`}`,
        );
        const expected = stored.flatMap((metadata, index) => (matches(filter, metadata) ? [`${index}`] : []));
        expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(expected));
        seen[expected.length > 0 && expected.length < stored.length ? "some" : "none"]++;
      }),
      { numRuns: 800 },
    );
    // A test of filters that all match everything or nothing would show little.
    expect(seen.some).toBeGreaterThan(250);
  });

  it("match the same documents in every search, in count and under negation", async () => {
    await fc.assert(
      fc.asyncProperty(where, async (filter) => {
        const given = filter as Where<Record<string, unknown>>;
        const count = await collection.count(given);
        const found = (await collection.semanticSearch("x", { where: given, k: 400, exact: true })).hits;
        expect(found).toHaveLength(count);
        expect(await collection.count({ $not: given })).toBe(documents.length - count);
      }),
      { numRuns: 50 },
    );
  });
});

describe("filters and indexes", () => {
  it.skipIf(SHARDS !== undefined)(
    "are served by indexes of the documented form (of a whole table: pieces have plans and indexes of their own)",
    async () => {
      const collection = await db.collection("indexes for filters", { embedder: hashEmbedder({ dimensions: 2 }) });
      await collection.addDocuments(
        Array.from({ length: 3000 }, (_, n) => ({
          content: "x",
          embedding: [1, 0],
          metadata: { n, name: `name ${n}`, brand: `b${n % 300}`, deep: { at: new Date(n * 1e9) } },
        })),
        { batchSize: 3000 },
      );
      const target = targetOf(
        (await findCollection(connection, "indexes for filters")) as CollectionRecord,
        connection.capabilities,
      );
      const table = identifier(target.schema, target.table);
      const numbers = indexedFieldExpression(["n"], "number");
      const names = indexedFieldExpression(["name"], "string");
      const dates = indexedFieldExpression(["deep", "at"], "date");
      await connection.query(sql`CREATE INDEX i_equal ON ${table} USING gin (metadata jsonb_path_ops)`);
      await connection.query(sql`CREATE INDEX i_number ON ${table} ((${numbers}))`);
      await connection.query(sql`CREATE INDEX i_string ON ${table} ((${names}) COLLATE "C")`);
      await connection.query(sql`CREATE INDEX i_pattern ON ${table} USING gin ((${names}) gin_trgm_ops)`);
      await connection.query(sql`CREATE INDEX i_date ON ${table} ((${dates}))`);
      await connection.query(sql`ANALYZE ${table}`);
      const planOf = async (filter: unknown) => {
        const statement = sql`EXPLAIN SELECT id FROM ${table} WHERE ${compileWhere(filter) ?? sql`true`}`;
        return (await connection.query<{ "QUERY PLAN": string }>(statement)).map((row) => row["QUERY PLAN"]).join("\n");
      };
      expect(await planOf({ brand: "b7" })).toContain("i_equal");
      expect(await planOf({ brand: { $in: ["b7", "b8"] } })).toContain("i_equal");
      expect(await planOf({ n: { $gte: 10, $lt: 20 } })).toContain("i_number");
      expect(await planOf({ n: { $between: [10, 20] } })).toContain("i_number");
      expect(await planOf({ name: { $gt: "name 99", $lt: "name 990" } })).toContain("i_string");
      expect(await planOf({ name: { $like: "%e 299%" } })).toContain("i_pattern");
      expect(await planOf({ "deep.at": { $gte: new Date(2990 * 1e9) } })).toContain("i_date");
    },
  );

  it("read dates as they are written", async () => {
    const texts = [
      "2024-05-01",
      "2024-05-01T10:20Z",
      "2024-05-01T10:20:30Z",
      "2024-05-01T10:20:30.5+02:00",
      "2024-05-01T10:20:30-05:30",
      "0001-01-01T00:00:00.000Z",
      "9999-12-31T23:59:59.999Z",
    ];
    for (const text of texts) {
      const [row] = await connection.query<{ epoch: number }>(
        sql`SELECT ${fieldExpression(["at"], "date")} AS epoch FROM (SELECT ${JSON.stringify({ at: text })}::jsonb AS metadata) AS d`,
      );
      expect([text, row?.epoch]).toEqual([text, Date.parse(text)]);
    }
    for (const text of [
      "",
      "2024",
      "2024-13-01",
      "2024-00-10",
      "2024-05-01T25:00",
      "٢٠٢٤-٠٥-٠١",
      "now",
      "0000-01-01",
    ]) {
      const [row] = await connection.query<{ epoch: null }>(
        sql`SELECT ${fieldExpression(["at"], "date")} AS epoch FROM (SELECT ${JSON.stringify({ at: text })}::jsonb AS metadata) AS d`,
      );
      expect([text, row?.epoch]).toEqual([text, null]);
    }
  });
});
