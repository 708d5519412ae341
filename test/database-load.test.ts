import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Embedder } from "../src/contracts/embedder.ts";
import type { PgVectorDB } from "../src/pgvectordb.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { isCitus, isServer, openTestDatabase } from "./test-database.ts";

let close: () => Promise<void>;
let db: PgVectorDB;

beforeAll(async () => {
  ({ db, close } = await openTestDatabase());
});

afterAll(() => close());

const documents = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `${i}`, content: `document ${i}` }));

describe("a load", () => {
  it("embeds a batch while the one before is written", async () => {
    const events: string[] = [];
    const inner = hashEmbedder();
    const embedder: Embedder = {
      ...inner,
      embedDocuments: (texts) => {
        events.push(`embed ${texts[0]?.split(" ")[1]}`);
        return inner.embedDocuments(texts);
      },
    };
    const collection = await db.collection("overlap", { embedder });
    await collection.addDocuments(documents(30), {
      batchSize: 10,
      onProgress: ({ documents: count }) => events.push(`written ${count}`),
    });
    const written = events.filter((event) => event.startsWith("written"));
    expect(written).toEqual(["written 10", "written 20", "written 30"]);
    // A server, which has more than one connection, may have written sooner: batches-at-once.test.ts makes it wait.
    if (!isServer) {
      expect(events).toEqual(["embed 0", "embed 10", "written 10", "embed 20", "written 20", "written 30"]);
    }
  });

  it("does not keep a batch in hand while its source is slow", async () => {
    const collection = await db.collection("slow source", { embedder: hashEmbedder() });
    let wasWritten = () => {};
    const written = new Promise<void>((resolve) => {
      wasWritten = resolve;
    });
    async function* source() {
      yield* documents(10);
      await written;
      yield { id: "last", content: "after the others were written" };
    }
    await collection.addDocuments(source(), { batchSize: 10, onProgress: () => wasWritten() });
    expect(await collection.count()).toBe(11);
  });

  it("that was interrupted goes on where it was, and writes nothing twice", async () => {
    const embedder = hashEmbedder();
    const collection = await db.collection("interrupted load", { embedder });
    const controller = new AbortController();
    const first = collection.addDocuments(documents(100), {
      batchSize: 10,
      signal: controller.signal,
      onProgress: ({ documents: count }) => count === 40 && controller.abort(),
    });
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    // A batch under way may still be stored, whole; the nodes of a cluster commit one after the other.
    if (isCitus) await expect.poll(async () => (await collection.count()) % 10).toBe(0);
    const stored = await collection.count();
    expect(stored % 10).toBe(0);
    expect(stored).toBeGreaterThanOrEqual(40);
    embedder.embedded.length = 0;
    const again = await collection.addDocuments(documents(100), { batchSize: 10 });
    expect(again.inserted + again.unchanged).toBe(100);
    expect(again.inserted).toBeLessThanOrEqual(60);
    expect(embedder.embedded).toHaveLength(again.inserted);
    expect(await collection.count()).toBe(100);
    expect((await collection.keywordSearch("document", { k: 1000 })).hits).toHaveLength(100);
  });

  it("stops its source, and closes it", async () => {
    const collection = await db.collection("closed source", { embedder: hashEmbedder() });
    let isClosed = false;
    function* source() {
      try {
        yield* documents(10);
        yield { id: "bad", content: "" };
        for (let i = 0; ; i++) yield { id: `more ${i}`, content: "more" };
      } finally {
        isClosed = true;
      }
    }
    await expect(collection.addDocuments(source(), { batchSize: 5 })).rejects.toThrow(/`documents\[10\]\.content`/);
    expect(isClosed).toBe(true);
    expect(await collection.count()).toBe(10);
  });

  it.runIf(isServer)(
    "of the same rows as others load, in other orders, harms nobody (on a server: elsewhere nobody writes at once)",
    async () => {
      const collection = await db.collection<{ by: number }>("crowd", { embedder: hashEmbedder() });
      const load = (by: number, round: number) => {
        const mine = documents(200).map(({ id }) => ({ id, content: `${id} in ${round} by ${by}`, metadata: { by } }));
        const ordered = by % 2 === 0 ? mine : mine.reverse();
        // Half of them with the content that is there, so that their metadata alone is written.
        const mixed = ordered.map((document, i) =>
          i % 2 === 0 ? document : { ...document, content: `fixed ${document.id}` },
        );
        return collection.addDocuments(mixed, { batchSize: 50 });
      };
      for (let round = 0; round < 3; round++) {
        const results = await Promise.all(Array.from({ length: 6 }, (_, by) => load(by, round)));
        expect(results.every(({ documents: count }) => count === 200)).toBe(true);
      }
      expect(await collection.count()).toBe(200);
    },
  );
});
