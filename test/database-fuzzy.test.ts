import { join } from "node:path";
import sql from "sql-template-tag";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectMarkdown } from "../src/cli/demo/collect-markdown.ts";
import { toPassages } from "../src/cli/demo/demo-index.ts";
import type { Collection } from "../src/collection.ts";
import type { OpenDatabase } from "../src/contracts/database.ts";
import { openDatabase } from "../src/database/open-database.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { isServer, openTestDatabase, SHARDS } from "./test-database.ts";

const ROWS = 1200;
const embedder = hashEmbedder();

let db: PgVectorDB;
let url: string;
let close: () => Promise<void>;
let raw: OpenDatabase;
let passages: Collection<{ n: number }>;
let texts: string[];

beforeAll(async () => {
  ({ db, url, close } = await openTestDatabase());
  raw = await openDatabase({ url });
  const found = toPassages(await collectMarkdown(join(import.meta.dirname, "..")));
  texts = [...new Set(found.map(({ content }) => content))].filter((text) => text.length > 300).slice(0, ROWS);
  expect(texts).toHaveLength(ROWS);
  passages = await filled("passages", texts);
}, 120_000);

afterAll(async () => {
  await raw.close();
  await close();
});

async function filled(name: string, contents: readonly string[]): Promise<Collection<{ n: number }>> {
  const collection = await db.collection<{ n: number }>(name, { embedder });
  await collection.addDocuments(contents.map((content, n) => ({ id: `${n}`, content, metadata: { n } })));
  return collection;
}

/** As many texts, each long, with words that no other has. */
function longTexts(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: 40 }, (_, j) => `w${(first + i) * 41 + j * 7}x`).join(" "),
  );
}

async function kindsOf(collection: Collection<{ n: number }>): Promise<string[]> {
  const indexes = await collection.indexes();
  return indexes.filter(({ kind }) => kind === "trigram").map(({ name }) => name.replace(/^documents_\d+_/, ""));
}

async function tableOf(name: string): Promise<string> {
  const [row] = await raw.query<{ id: number }>(sql`SELECT id FROM pgvectordb.collections WHERE name = ${name}`);
  return `documents_${row?.id}`;
}

const statementsOf = async (collection: Collection<{ n: number }>, query: string, k: number) =>
  (await collection.explain(query, { method: "trigram", k })).statements.map((statement) => statement.sql);

const idsOf = ({ hits }: { hits: readonly { id: string }[] }) => hits.map(({ id }) => id);

const TYPOS = ["documnetation", "instalation", "confguration", "enviroment", "recieve", "asynchronus", "dependancies"];
const SEVERAL = ["command lnie options", "the defualt value", "brwoser support for modules", "how do I isntall it"];

/** How much alike the query's best word in each text is, best first: by Postgres, word by word. */
async function bestWords(query: string): Promise<number[]> {
  const rows = await raw.query<{ best: number }>(
    sql`SELECT max(word_similarity(${query}, word)) AS best FROM unnest(${texts}::text[]) WITH ORDINALITY AS t (content, n), unnest(regexp_split_to_array(lower(content), '[^[:alnum:]]+')) AS word GROUP BY n HAVING max(word_similarity(${query}, word)) >= 0.3 ORDER BY best DESC`,
  );
  return rows.map(({ best }) => best);
}

// A table in pieces goes by its texts, which other tests look at.
describe.skipIf(SHARDS !== undefined)("fuzzy search of long texts", () => {
  it("goes by their words, and makes no index of their trigrams", async () => {
    await passages.fuzzySearch("documnetation");
    expect(await kindsOf(passages)).toEqual(["words"]);
    expect(await statementsOf(passages, "documnetation", 5)).toEqual([expect.stringContaining("_vocabulary")]);
    const { bytes, indexes } = await passages.stats();
    expect(bytes.indexes).toBeGreaterThan(indexes.reduce((sum, index) => sum + index.bytes, 0));
  });

  it("finds nothing worse than by the words that are most alike, scored and ordered as always", async () => {
    for (const query of TYPOS) {
      const bests = await bestWords(query);
      const exact = await passages.fuzzySearch(query, { k: ROWS, exact: true });
      const scores = new Map(exact.hits.map(({ id, score }) => [id, score]));
      for (const k of [10, 100]) {
        const { hits } = await passages.fuzzySearch(query, { k });
        expect(hits).toHaveLength(Math.min(k, exact.hits.length));
        for (const [position, { id, score }] of hits.entries()) {
          expect(score).toBe(scores.get(id));
          expect(score).toBeGreaterThanOrEqual(bests[position] ?? 0);
        }
        const ordered = hits.toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
        expect(hits).toEqual(ordered);
      }
    }
  });

  it("finds most of what is found by comparing every text", async () => {
    const recalls: number[] = [];
    for (const query of [...TYPOS, ...SEVERAL]) {
      const exact = await passages.fuzzySearch(query, { k: 10, exact: true });
      const worst = exact.hits.at(-1)?.score ?? 0;
      const { hits } = await passages.fuzzySearch(query, { k: 10 });
      expect(hits[0]?.score).toBeGreaterThanOrEqual((exact.hits[0]?.score ?? 1) - 0.25);
      recalls.push(hits.filter(({ score }) => score >= worst).length / exact.hits.length);
    }
    expect(recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length).toBeGreaterThan(0.95);
  });

  it("is the same as comparing every text when all are asked for, or few pass a filter", async () => {
    for (const query of [...TYPOS.slice(0, 3), ...SEVERAL.slice(0, 2)]) {
      const all = { k: ROWS };
      expect(await hitsOf(query, all)).toEqual(await hitsOf(query, { ...all, exact: true }));
      for (const where of [{ n: { $lt: 5 } }, { n: { $gte: 200, $lt: 300 } }, { n: -1 }]) {
        const few = { k: 50, where, minSimilarity: 0.2 };
        const found = await hitsOf(query, few);
        const exact = await hitsOf(query, { ...few, exact: true });
        expect(found.length).toBe(exact.length);
        if (exact.length < 50) expect(found).toEqual(exact);
      }
    }
  });

  async function hitsOf(query: string, options: object) {
    const { hits } = await passages.fuzzySearch(query, options);
    return hits.map(({ id, score }) => [id, score]);
  }

  it("finds nothing where nothing is alike, and does not look twice where there is enough", async () => {
    expect(idsOf(await passages.fuzzySearch("???"))).toEqual([]);
    expect(idsOf(await passages.fuzzySearch("zzqxkjwvv"))).toEqual([]);
    expect(await statementsOf(passages, "zzqxkjwvv", 5)).toHaveLength(2);
    expect(await statementsOf(passages, "documnetation", 5)).toHaveLength(1);
  });

  it("knows the words of what is added, changed and deleted afterwards, whoever writes it", async () => {
    const before = await db.collection<{ n: number }>("changing", { embedder });
    const collection = await filled("changing", longTexts(1000));
    await collection.fuzzySearch("w7x");
    // An object that has never searched fuzzily, and a statement that is none of this library's.
    await before.addDocuments([{ id: "new", content: `${texts[0]} zygomorphic`, metadata: { n: -1 } }]);
    const table = await tableOf("changing");
    await raw.query({
      text: `UPDATE pgvectordb.${table} SET content = content || ' quixotically' WHERE id = '5'`,
      values: [],
    });
    const near = (query: string) => collection.fuzzySearch(query, { minSimilarity: 0.5 }).then(idsOf);
    expect(await near("zygomorhpic")).toEqual(["new"]);
    expect(await near("quixoticaly")).toEqual(["5"]);
    await before.addDocuments([
      { id: "new", content: `${texts[0]} perspicacious`, metadata: { n: -1 } },
      { id: "6", content: `${texts[1]} perspicacious`, metadata: { n: 6 } },
    ]);
    expect(await near("zygomorhpic")).toEqual([]);
    expect((await near("perspicaceous")).sort()).toEqual(["6", "new"]);
    await before.delete(["6"]);
    expect(await near("perspicaceous")).toEqual(["new"]);
    await before.deleteAll();
    expect(await near("perspicaceous")).toEqual([]);
    await before.addDocuments([{ id: "again", content: "perspicacious" }]);
    expect(await near("perspicaceous")).toEqual(["again"]);
  });

  it("keeps every word when several load the same ones at once", async () => {
    const collection = await filled("at once", longTexts(1000));
    await collection.fuzzySearch("w7x");
    const words = Array.from({ length: 50 }, (_, i) => `neologism${String.fromCharCode(97 + (i % 26)).repeat(4)}${i}`);
    const loads = [words, words.toReversed(), words].map((list, load) =>
      collection.addDocuments(
        list.map((word, i) => ({ id: `${load}-${i}`, content: word, metadata: { n: load } })),
        {
          batchSize: 10,
        },
      ),
    );
    await Promise.all(loads);
    for (const word of words.slice(0, 5)) {
      const { hits } = await collection.fuzzySearch(word, { k: 3 });
      expect(hits.map(({ content, score }) => [content, score])).toEqual([1, 2, 3].map(() => [word, 1]));
    }
  });

  it("takes runs of letters of any length, and scripts without spaces", async () => {
    const collection = await filled("runs", longTexts(1000));
    await collection.fuzzySearch("w7x");
    const letters = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + ((i * i + 7 * i) % 23))).join("");
    const sentence = "東京都は日本の首都であり世界有数の大都市でもある";
    await collection.addDocuments([
      { id: "letters", content: `${letters}marmalade${letters}` },
      { id: "sentence", content: `${sentence.repeat(10)}。ありがとう` },
      { id: "russian", content: `${texts[0]} программирование` },
    ]);
    const best = async (query: string) => (await collection.fuzzySearch(query, { k: 1 })).hits[0]?.id;
    expect(await best("marmalade")).toBe("letters");
    expect(await best("世界有数の大都市")).toBe("sentence");
    expect(await best("програмирование")).toBe("russian");
  });

  it("begins once there are enough of them, whatever was searched before", async () => {
    const collection = await filled("growing", longTexts(10));
    expect((await collection.fuzzySearch("w7x", { k: 1 })).hits[0]?.score).toBe(1);
    expect(await kindsOf(collection)).toEqual([]);
    await collection.addDocuments(longTexts(1000, 10).map((content, n) => ({ id: `more ${n}`, content })));
    expect((await collection.fuzzySearch("w7x", { k: 1 })).hits[0]?.score).toBe(1);
    expect(await kindsOf(collection)).toEqual(["words"]);
  });

  it("takes over a collection whose trigrams were indexed, and one whose words lost their index", async () => {
    const collection = await filled("earlier", longTexts(1000));
    const table = await tableOf("earlier");
    const statement = `CREATE INDEX ${table}_trigrams ON pgvectordb.${table} USING gin (content gin_trgm_ops)`;
    await raw.query({ text: statement, values: [] });
    await collection.fuzzySearch("w7x");
    expect(await kindsOf(collection)).toEqual(["trigrams", "words"]);
    await collection.dropIndex(`${table}_words`);
    await collection.addDocuments([{ id: "new", content: "zygomorphic" }]);
    expect(idsOf(await collection.fuzzySearch("zygomorhpic", { minSimilarity: 0.5 }))).toEqual(["new"]);
    expect(await kindsOf(collection)).toEqual(["trigrams", "words"]);
  });

  it("leaves nothing behind when the collection is dropped", async () => {
    await (await filled("dropped", longTexts(1000))).fuzzySearch("w7x");
    const table = await tableOf("dropped");
    const left = () =>
      raw.query(
        sql`SELECT relname FROM pg_class WHERE relname LIKE ${`${table}\\_%`} UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE ${`${table}\\_%`}`,
      );
    expect((await left()).length).toBeGreaterThan(3);
    await db.dropCollection("dropped");
    expect(await left()).toEqual([]);
  });
});

describe("fuzzy search of short texts", () => {
  it("compares every text that could be alike", async () => {
    const collection = await filled(
      "short",
      Array.from({ length: 1100 }, (_, n) => `title number ${n} of ${n % 7}`),
    );
    expect((await collection.fuzzySearch("titel nubmer 77", { k: 1 })).hits[0]?.content).toMatch("77 of");
    expect(await kindsOf(collection)).toEqual(["trigrams"]);
    const [exact, found] = [true, false].map((exact) => collection.fuzzySearch("numbr 1099", { k: 1100, exact }));
    expect(await found).toMatchObject({ hits: (await exact)?.hits });
  });
});

it.runIf(isServer && SHARDS !== undefined)("of tables in pieces compares every text that could be alike", async () => {
  const { hits } = await passages.fuzzySearch("documnetation");
  expect(hits).toEqual((await passages.fuzzySearch("documnetation", { exact: true })).hits);
  expect(await kindsOf(passages)).toEqual(["trigrams"]);
});
