import { expect, it } from "vitest";
import { type CollectionRecord, findCollection, targetOf } from "../src/database/catalog.ts";
import { openDatabase } from "../src/database/open-database.ts";
import { PgVectorDB } from "../src/pgvectordb.ts";
import { multimodalStatement } from "../src/search/multimodal-statement.ts";
import { hybridStatement, keywordStatement } from "../src/search/search-statements.ts";
import { keywordSpace, vectorSpace } from "../src/search/space-arm.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { isServer, newTestDatabase } from "./test-database.ts";

// Where it is computed anew for every row, a search takes a hundred times longer.
it.skipIf(isServer)("what a keyword arm finds has the scores that the index found, in every search", async () => {
  const { url, remove } = await newTestDatabase();
  const embedder = hashEmbedder({ dimensions: 3 });
  const db = await PgVectorDB.open({ url });
  const documents = Array.from({ length: 300 }, (_, i) => `text ${i} of ${i % 7} and ${i % 31}`);
  await (await db.collection("texts", { embedder })).addDocuments(documents);
  const connection = await openDatabase({ url });
  const target = targetOf((await findCollection(connection, "texts")) as CollectionRecord, connection.capabilities);
  const semantic = { vector: [1, 0, 0], k: 10, filter: undefined, exact: false };
  const keyword = { query: "text 7", k: 10, filter: undefined };
  const fusion = { k: 10, semanticWeight: 1, keywordWeight: 1 };
  const spaces = [vectorSpace(target, semantic), keywordSpace(target, keyword, undefined)];
  for (const { text, values } of [
    keywordStatement(target, keyword),
    hybridStatement(target, semantic, keyword, { ...fusion, fusion: { kind: "rrf", rankConstant: 60 } }),
    hybridStatement(target, semantic, keyword, { ...fusion, fusion: { kind: "weighted" } }),
    multimodalStatement(
      target,
      spaces.map((space) => ({ ...space, weight: 1 })),
      10,
    ),
  ]) {
    const plan = await connection.query<{ "QUERY PLAN": string }>({ text: `EXPLAIN (VERBOSE) ${text}`, values });
    const lines = plan.map((row) => row["QUERY PLAN"]);
    const scan = lines.findIndex((line) => line.includes("Index Scan using documents_1_bm25"));
    expect(lines[scan + 1]).toMatch(/Output: .*bm25_get_current_score\(\)/);
    expect(lines[scan + 1]).not.toContain("<@>");
  }
  await connection.close();
  await db.close();
  await remove();
});
