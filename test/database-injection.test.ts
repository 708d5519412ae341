import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Collection } from "../src/collection.ts";
import type { FirstStageOptions } from "../src/contracts/collection.ts";
import type { Space } from "../src/contracts/space.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { openTestDatabase } from "./test-database.ts";

let db: PgVectorDB;
let close: () => Promise<void>;
let canary: Collection;

beforeAll(async () => {
  ({ db, close } = await openTestDatabase());
  canary = await db.collection("canary", { embedder: hashEmbedder() });
  await canary.addDocuments([{ id: "alive", content: "still here" }]);
});

afterAll(() => close());

const HOSTILE = [
  "'; DROP SCHEMA pgvectordb CASCADE; --",
  '"; DROP SCHEMA pgvectordb CASCADE; --',
  "' OR '1'='1",
  "\\'; SELECT 1; --",
  "$1",
  "$$ $$",
  "{}",
  '{"a',
  "NULL",
  "%_\\\\",
  "a & | ! b:* <->",
  "😀 é ‮",
  "E'\\x27'",
  "/* */",
];
const hostile = fc
  .oneof(
    fc.constantFrom(...HOSTILE),
    fc.tuple(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 6 })).map((parts) => parts.join("")),
  )
  .map((text) => text.replaceAll(/\p{Cc}/gu, " ").trim())
  .filter((text) => text !== "");
const field = hostile.map((text) => text.replaceAll(".", "").replace(/^\$+/, "")).filter((text) => text.trim() !== "");

const METHODS: FirstStageOptions<Record<string, unknown>>[] = [
  { method: "semantic" },
  { method: "semantic", exact: true },
  { method: "keyword" },
  { method: "keyword", match: "phrase" },
  { method: "trigram" },
  { method: "hybrid" },
  { method: "hybrid", fusion: { kind: "weighted" }, match: "phrase" },
];

it("takes hostile names, ids, paths, values and queries as what they are, everywhere", async () => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(hostile, hostile, field, hostile, hostile, async (title, id, path, value, query) => {
      const name = `${title.slice(0, 80)} ${round++}`;
      const spaces: Record<string, Space> = {
        [`t ${title}`.slice(0, 100)]: { kind: "text", field: path },
        [`c ${title}`.slice(0, 100)]: { kind: "category", field: path },
        n: { kind: "number", field: path, min: 0, max: 1, prefer: "nearest" },
        r: { kind: "recency", field: path, decayDays: 1 },
      };
      const collection = await db.collection(name, { embedder: hashEmbedder(), spaces });
      await collection.addDocuments([
        { id, content: `${query} word`, metadata: { [path]: value } },
        { id: "other", content: "something else", metadata: { [path]: 1 } },
      ]);
      const where = {
        [path]: { $eq: value, $in: [value], $gte: value, $like: "%", $not: { $ilike: "" } },
        $or: [{ [path]: value }],
      };
      expect(await collection.count(where)).toBe(1);
      expect(await collection.get(id)).toMatchObject({ id, metadata: { [path]: value } });
      for (const options of METHODS) {
        const { hits } = await collection.rerankSearch(query, {
          ...options,
          where,
          reranker: (_query, texts) => texts.map(() => 0),
        });
        expect(hits.every((hit) => hit.id === id)).toBe(true);
      }
      const asked = Object.fromEntries(
        Object.entries(spaces).map(([space, { kind }]) => [
          space,
          kind === "number" ? { value: 1 } : kind === "recency" ? {} : { value },
        ]),
      );
      const found = await collection.multimodalSearch(query, { spaces: asked, where });
      expect(found.hits.map((hit) => hit.id)).toEqual([id]);
      expect(await collection.delete({ where })).toBe(1);
      expect(await collection.delete(["other", query, value])).toBeGreaterThanOrEqual(1);
      expect(await db.dropCollection(name)).toBe(true);
    }),
    { numRuns: 25 },
  );
  expect(await canary.get("alive")).toMatchObject({ content: "still here" });
});

it("takes a language from Postgres' own list only", async () => {
  for (const language of HOSTILE) {
    await expect(db.collection("languages", { embedder: hashEmbedder(), language })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  }
  expect((await db.collections()).map(({ name }) => name)).toEqual(["canary"]);
});
