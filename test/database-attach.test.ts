import sql, { raw, type Sql } from "sql-template-tag";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AttachedTable } from "../src/attached-table.ts";
import type { AttachOptions } from "../src/contracts/attach.ts";
import type { OpenDatabase } from "../src/contracts/database.ts";
import { attachTable, readingAttached } from "../src/database/attach-table.ts";
import { openDatabase } from "../src/database/open-database.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hybridStatement } from "../src/search/search-statements.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { openTestDatabase, withSettings } from "./test-database.ts";

const embedder = hashEmbedder({ dimensions: 32 });
const ROWS = [
  { sku: 1, body: "WH-1000XM5 noise-cancelling headphones for $349", price: 349, brand: "sony" },
  { sku: 2, body: "Budget headphones with noise cancelling", price: 59.5, brand: "anker" },
  { sku: 3, body: "Kitchen knife made of steel", price: 20, brand: "zwilling" },
  { sku: 40, body: "Wireless earbuds, small", price: 100, brand: "anker" },
];
const PRODUCTS = { table: "shop.products", id: "sku", content: "body", embedding: "vec", metadata: ["price", "brand"] };

let db: PgVectorDB;
let url: string;
let close: () => Promise<void>;
let connection: OpenDatabase;

async function run(...statements: readonly Sql[]): Promise<void> {
  for (const statement of statements) await connection.query(statement);
}

beforeAll(async () => {
  ({ db, url, close } = await openTestDatabase());
  connection = await openDatabase({ url });
  await run(
    sql`CREATE SCHEMA shop`,
    sql`CREATE TABLE shop.products (sku integer PRIMARY KEY, body varchar(200), vec vector(32), price numeric, brand text, extra jsonb)`,
  );
  for (const { sku, body, price, brand } of ROWS) {
    const vector = `[${(await embedder.embedQuery(body)).join(",")}]`;
    await run(
      sql`INSERT INTO shop.products VALUES (${sku}, ${body}, ${vector}::vector, ${price}, ${brand}, ${JSON.stringify({ brand, size: { cm: sku } })}::jsonb)`,
    );
  }
  await run(
    sql`INSERT INTO shop.products VALUES (5, NULL, NULL, 1, 'nobody', NULL), (6, 'headphones without an embedding', NULL, 1, 'nobody', NULL)`,
  );
});

afterAll(async () => {
  await connection.close();
  await close();
});

const idsOf = (result: { hits: readonly { id: string }[] }) => result.hits.map(({ id }) => id);

describe("an attached table", () => {
  it("is searched and reranked where it is, with scores and stages as a collection's", async () => {
    const before = await connection.query(sql`SELECT xmin::text, * FROM shop.products ORDER BY sku`);
    const products = await db.attach<{ price: number; brand: string }>({ ...PRODUCTS, embedder });
    expect(products.table).toBe("shop.products");
    const semantic = await products.semanticSearch("noise cancelling headphones", { k: 2 });
    expect(semantic.hits[0]).toEqual({
      id: "2",
      content: "Budget headphones with noise cancelling",
      metadata: { price: 59.5, brand: "anker" },
      score: expect.any(Number),
      stages: { semantic: { score: semantic.hits[0]?.score, rank: 1 } },
    });
    expect(idsOf(await products.keywordSearch("noise-cancelling $349 unheard-of"))).toEqual(["1", "2"]);
    expect(idsOf(await products.hybridSearch("headphones knife", { k: 3 }))).toHaveLength(3);
    expect((await products.semanticSearch("anything", { k: 10 })).candidates.returned).toBe(4);
    const reranked = await products.rerankSearch("headphones", {
      reranker: (_query, texts) => texts.map((text) => -text.length),
      where: { price: { $lt: 200 } },
      rerankTopK: 2,
    });
    expect(idsOf(reranked)).toEqual(["40", "3"]);
    expect(await products.count()).toBe(5);
    expect(await products.count({ brand: "anker" })).toBe(2);
    expect(await connection.query(sql`SELECT xmin::text, * FROM shop.products ORDER BY sku`)).toEqual(before);
  });

  it("shows what its application writes", async () => {
    const products = await db.attach({ ...PRODUCTS, embedder });
    await run(sql`INSERT INTO shop.products VALUES (7, 'a brand new gadget', NULL, 1, 'new', NULL)`);
    expect(idsOf(await products.keywordSearch("gadget"))).toEqual(["7"]);
    await run(sql`DELETE FROM shop.products WHERE sku = 7`);
    expect(idsOf(await products.keywordSearch("gadget"))).toEqual([]);
  });

  it("takes a jsonb column as metadata, and filters by it", async () => {
    const products = await db.attach<{ size: { cm: number } }>({ ...PRODUCTS, metadata: "extra", embedder });
    const { hits } = await products.semanticSearch("headphones", { where: { "size.cm": { $gte: 3 } } });
    expect(hits.map(({ id }) => id).sort()).toEqual(["3", "40"]);
    expect(hits.find(({ id }) => id === "40")?.metadata).toEqual({ brand: "anker", size: { cm: 40 } });
  });

  it("without embeddings is searched by keywords only", async () => {
    const products = await db.attach({ table: "shop.products", id: "sku", content: "body" });
    expect((await products.keywordSearch("knife")).hits).toMatchObject([{ id: "3", metadata: {} }]);
    const { hits } = await products.rerankSearch("headphones", { reranker: (_query, texts) => texts.map(() => 1) });
    expect(hits).toHaveLength(3);
    for (const method of ["semanticSearch", "hybridSearch"] as const) {
      await expect(products[method]("x")).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining("`embedding`"),
      });
    }
  });

  it("has no way to write", async () => {
    const products: AttachedTable = await db.attach({ ...PRODUCTS, embedder });
    for (const method of ["addDocuments", "update", "delete", "deleteAll", "createIndex", "reembed", "import"]) {
      expect(method in products).toBe(false);
    }
  });

  it.each(["text", "uuid", "bigint", "numeric", "timestamptz", "bytea", "boolean", "date"])(
    "may have an id of type %s",
    async (type) => {
      const table = `ids_${type}`;
      await run(
        sql`CREATE TABLE ${raw(table)} (key ${raw(type)} PRIMARY KEY, body text)`,
        sql`INSERT INTO ${raw(table)} VALUES (${ID_OF[type]}::text::${raw(type)}, 'some words')`,
      );
      const [row] = await connection.query<{ key: string }>(sql`SELECT key::text FROM ${raw(table)}`);
      const attached = await db.attach({ table, id: "key", content: "body" });
      expect(idsOf(await attached.keywordSearch("words"))).toEqual([row?.key]);
    },
  );

  it("may be a view, a partitioned table, or one with hostile names", async () => {
    await run(
      sql`CREATE VIEW shop.cheap AS SELECT sku, body, vec FROM shop.products WHERE price < 100`,
      sql`CREATE TABLE parts (id integer PRIMARY KEY, body text) PARTITION BY HASH (id)`,
      ...[0, 1].map(
        (n) =>
          sql`CREATE TABLE ${raw(`parts_${n}`)} PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER ${raw(`${n}`)})`,
      ),
      sql`INSERT INTO parts SELECT n, 'part ' || n FROM generate_series(1, 20) AS n`,
      sql`CREATE TABLE "My ""odd""; DROP" ("Id'" integer PRIMARY KEY, "a\\b" text, "c'd" text)`,
      sql`INSERT INTO "My ""odd""; DROP" VALUES (1, 'odd words', 'x')`,
    );
    const cheap = await db.attach({ table: "shop.cheap", id: "sku", content: "body", embedding: "vec", embedder });
    expect(idsOf(await cheap.hybridSearch("headphones knife")).sort()).toEqual(["2", "3", "6"]);
    expect(await cheap.indexSuggestions()).toEqual([]);
    const parts = await db.attach({ table: "parts", id: "id", content: "body" });
    expect((await parts.keywordSearch("part", { k: 100 })).candidates.returned).toBe(20);
    const odd = await db.attach({ table: 'My "odd"; DROP', id: "Id'", content: "a\\b", metadata: ["c'd", "a\\b"] });
    expect((await odd.keywordSearch("odd", { where: { "c'd": "x" } })).hits).toMatchObject([
      { id: "1", metadata: { "c'd": "x", "a\\b": "odd words" } },
    ]);
  });

  it("suggests indexes that then serve, and none that is there", async () => {
    await run(
      sql`CREATE TABLE big (id integer PRIMARY KEY, body text, vec vector(32), meta jsonb)`,
      sql`INSERT INTO big SELECT n, 'word' || n || ' common', (SELECT array_agg(sin(n * i)) FROM generate_series(1, 32) AS i)::vector, jsonb_build_object('n', n) FROM generate_series(1, 3000) AS n`,
    );
    const big = await db.attach({
      table: "big",
      id: "id",
      content: "body",
      embedding: "vec",
      metadata: "meta",
      embedder,
    });
    const suggestions = await big.indexSuggestions();
    expect(suggestions).toEqual([
      'CREATE INDEX CONCURRENTLY ON "public"."big" USING hnsw ("vec" vector_cosine_ops);',
      `CREATE INDEX CONCURRENTLY ON "public"."big" USING gin (pgvectordb.text_terms('english'::regconfig, "body"));`,
      'CREATE INDEX CONCURRENTLY ON "public"."big" USING gin ("meta" jsonb_path_ops);',
    ]);
    // In one connection as the embedded database has, there is nobody to be concurrent with.
    for (const suggestion of suggestions) await run(raw(suggestion.replace(" CONCURRENTLY", "").replace(";", "")));
    await run(sql`ANALYZE big`);
    expect(await big.indexSuggestions()).toEqual([]);
    const plan = await planOf("big");
    expect(plan).toMatch(/Index Scan using big_vec_idx on big/);
    expect(plan).toMatch(/Bitmap Index Scan on big_text_terms_idx/);
    expect(plan).toMatch(/Index Scan using big_pkey on big/);
    expect(plan).not.toContain("Seq Scan");
    expect(idsOf(await big.keywordSearch("word77"))).toEqual(["77"]);
    expect((await big.semanticSearch("x", { k: 100 })).candidates.returned).toBe(100);
    expect((await big.semanticSearch("x", { k: 100, where: { n: { $lte: 60 } } })).candidates.returned).toBe(60);
  });
});

describe("an IVFFlat index of an attached table", () => {
  const ROWS = 4000;

  beforeAll(async () => {
    await run(
      sql`CREATE TABLE listed (id integer PRIMARY KEY, body text, vec vector(32), meta jsonb)`,
      sql`INSERT INTO listed SELECT n, 'row ' || n, (SELECT array_agg(sin(n * i * 0.7)) FROM generate_series(1, 32) AS i)::vector, jsonb_build_object('n', n) FROM generate_series(1, ${ROWS}::int) AS n`,
      sql`CREATE INDEX listed_lists ON listed USING ivfflat (vec vector_cosine_ops) WITH (lists = 400)`,
      sql`ANALYZE listed`,
    );
  });

  it("gives as many candidates as are asked for, and nearly all of the best", async () => {
    await withSettings(url, ["enable_seqscan = off"], async (reopened) => {
      const listed = await reopened.attach<{ n: number }>({
        ...{ table: "listed", id: "id", content: "body", embedding: "vec", metadata: "meta" },
        embedder,
      });
      const { statements } = await listed.explain("some words", { method: "semantic", k: 100 });
      expect(statements).toHaveLength(1);
      expect(statements[0]?.plan).toMatch(/Index Scan using listed_lists on listed/);
      expect((await listed.semanticSearch("some words", { k: 100 })).candidates.returned).toBe(100);
      const few = await listed.semanticSearch("some words", { k: 100, where: { n: { $lte: 60 } } });
      expect(few.candidates.returned).toBe(60);
      // With one of 400 lists, the default, it finds a small part of them.
      const { recall } = await listed.measureRecall(["some words", "other", "third query"], { k: 100 });
      expect(recall).toBeGreaterThan(0.5);
    });
  });
});

/** How a hybrid search of an attached table is planned, where reading the whole table is no choice. */
async function planOf(table: string): Promise<string> {
  const choice = { table, id: "id", content: "body", embedding: "vec", metadata: "meta", dimensions: 32 } as const;
  const settled = { ...choice, distance: "cosine", language: "english" } as const;
  const { target } = await attachTable(connection, settled, new AbortController().signal);
  const semantic = { vector: Array(32).fill(1), k: 5, filter: undefined, exact: false };
  const keyword = { query: "word77", k: 5, filter: undefined };
  const fusion = { k: 5, semanticWeight: 1, keywordWeight: 1, fusion: { kind: "rrf", rankConstant: 60 } } as const;
  let explained: { text: string; values: readonly unknown[] } | undefined;
  const capture: OpenDatabase["query"] = async ({ text, values }) => {
    explained = { text: `EXPLAIN ${text}`, values };
    return [];
  };
  await readingAttached({ ...connection, query: capture }, target).query(
    hybridStatement(target, semantic, keyword, fusion),
  );
  const rows = await connection.transaction(async (transaction) => {
    await transaction.query(sql`SET LOCAL enable_seqscan = off`);
    return transaction.query<{ "QUERY PLAN": string }>(explained ?? sql``);
  });
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}

const ID_OF: Record<string, string> = {
  text: "a'b",
  uuid: "018f3c1e-0000-7000-8000-000000000001",
  bigint: "9007199254740993",
  numeric: "1.50",
  timestamptz: "2024-01-02 03:04:05.678901+00",
  bytea: "\\x00ff",
  boolean: "true",
  date: "2024-01-02",
};

describe("what cannot be attached", () => {
  it.each<[string, Partial<Record<keyof AttachOptions | "x", unknown>>, RegExp]>([
    ["no such table", { table: "shop.nothing" }, /`table` must be an existing table/],
    ["a table by the wrong case", { table: "shop.Products" }, /exact name/],
    ["a table that is SQL", { table: "shop.products; DROP TABLE shop.products" }, /`table`/],
    ["an index", { table: "shop.products_pkey" }, /`table`/],
    ["three parts", { table: "a.b.c" }, /`table`/],
    ["a table of another type", { table: { schema: "shop", name: "products" } }, /`table`/],
    ["no such column", { content: "bdoy" }, /`content` must be a column of the table. It has: sku, body, vec/],
    ["a column that is SQL", { content: 'body" FROM x --' }, /`content`/],
    ["no id", { id: undefined }, /`id` must be a column/],
    ["an id that is not unique", { id: "brand" }, /no unique index.*primary key/],
    ["an embedding of another type", { embedding: "price" }, /type vector or halfvec; this one is numeric/],
    ["an embedder of other dimensions", { embedder: hashEmbedder() }, /has 32 dimensions, the embedder 64/],
    ["metadata of another type", { metadata: "price" }, /array of columns: \["price"\]/],
    ["metadata that is no column", { metadata: ["price", "prize"] }, /`metadata\[1\]` must be a column/],
    ["no metadata columns", { metadata: [] }, /1 to 50 columns/],
    ["a language", { language: "klingon" }, /`language` must be one/],
    ["a distance", { distance: "far" }, /`distance` must be one/],
    ["an unknown option", { x: 1 }, /Unknown option `x`/],
  ])("%s", async (_name, change, message) => {
    const options = { ...PRODUCTS, embedder, ...change } as unknown as AttachOptions;
    await expect(db.attach(options)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });
});
