// The store, embedded and on the server that DATABASE_URL names:
// npm run bench:store -- [--passages 2000] [--embedded-passages <as many>] [--vectors 0] [--queries 40]
//   [--pairs ../shared/training/pairs.jsonl.gz] [--json]
import { parseArgs } from "node:util";
import type { Collection } from "pgvectordb";
import { createBuiltinEmbedder, type Embedder } from "pgvectordb/embedders";
import { describeMachine, printMachine } from "./machine.ts";
import { type LoadedDocument, measureIngest } from "./store-ingest.ts";
import { measureOverhead, measureRecall, measureSearches, SPACES } from "./store-search.ts";
import { openEmbedded, openServer, type Target } from "./store-target.ts";
import { readTexts } from "./store-texts.ts";

const { values: options } = parseArgs({
  options: {
    passages: { type: "string", default: "2000" },
    // The embedded database builds its indexes on one thread: fewer rows there, or none (0).
    "embedded-passages": { type: "string" },
    vectors: { type: "string", default: "0" },
    queries: { type: "string", default: "40" },
    pairs: { type: "string", default: "../shared/training/pairs.jsonl.gz" },
    json: { type: "boolean", default: false },
  },
});
const SHARES = [0.25, 0.5, 1];
const EMBED_AT_ONCE = 256;

const machine = describeMachine(["@electric-sql/pglite", "@electric-sql/pglite-pgvector", "pg"]);
if (!options.json) printMachine(machine);
const texts = await readTexts(options.pairs, Number(options.passages));
const queries = spread(texts.queries, Number(options.queries));
const embedder = createBuiltinEmbedder();
const all = await embed(texts.passages, embedder);
say(`${all.length} passages of ${texts.source}, ${queries.length} queries, k = 100`);

const serverUrl = process.env["DATABASE_URL"];
const results: object[] = [];
const inEmbedded = all.slice(0, Number(options["embedded-passages"] ?? all.length));
const targets = [
  ...(inEmbedded.length === 0 ? [] : [{ open: openEmbedded, documents: inEmbedded }]),
  ...(serverUrl === undefined ? [] : [{ open: () => openServer(serverUrl), documents: all }]),
];
for (const { open, documents } of targets) {
  const target = await open();
  try {
    results.push({ target: target.name, passages: documents.length, ...(await measure(target, documents)) });
  } finally {
    await target.remove();
  }
}
if (serverUrl === undefined) say("The server was not measured: set DATABASE_URL.");
if (options.json) console.log(JSON.stringify({ machine, passages: all.length, results }, null, 2));

async function measure(target: Target, documents: readonly LoadedDocument[]): Promise<object> {
  say(`\n${target.name}${documents.length < all.length ? `, ${documents.length} of the passages` : ""}`);
  const ingest = await measureIngest(target, documents, embedder);
  for (const [name, rate] of Object.entries(ingest)) say(`  ${name.padEnd(32)} ${rate?.toFixed(0)}`);
  const collection = await target.db.collection("passages", { embedder, spaces: SPACES });
  const growth = [];
  for (const share of SHARES) {
    const rows = Math.round(share * documents.length);
    await collection.addDocuments(documents.slice(await collection.count(), rows));
    growth.push({
      rows,
      withoutIndex: await measureSearches(collection, queries),
      ...(await indexed(collection, rows)),
    });
    if (rows < documents.length) await collection.dropIndex();
  }
  const overheadMs = await measureOverhead(collection, target, queries);
  if (overheadMs !== undefined) say(`  overhead over the same SQL by pg  ${overheadMs.toFixed(2)} ms, bar 1 ms`);
  const vectors = target.server === undefined ? undefined : await measureVectors(target, documents);
  return { ingest, growth, overheadMs, vectors };
}

/** Builds the HNSW index, and measures. */
async function indexed(collection: Collection, rows: number) {
  const startedAt = performance.now();
  await collection.createIndex();
  const indexMs = performance.now() - startedAt;
  const latency = await measureSearches(collection, queries);
  const recall = await measureRecall(collection, queries);
  say(`  ${rows} rows: HNSW built in ${(indexMs / 1000).toFixed(1)} s, recall@100 ${recall.toFixed(4)}`);
  for (const [method, { p50, p99 }] of Object.entries(latency)) {
    say(`    ${method.padEnd(10)} p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  }
  return { indexMs, latency, recall };
}

/** Many vectors with short texts: those of the passages, each moved a little. */
async function measureVectors({ db }: Target, documents: readonly LoadedDocument[]): Promise<object | undefined> {
  const count = Number(options.vectors);
  if (count === 0) return undefined;
  const collection = await db.collection("vectors", { embedder, spaces: SPACES });
  function* rows() {
    for (let number = 0; number < count; number++) {
      const { embedding } = documents[number % documents.length] as LoadedDocument;
      const moved = Float32Array.from(embedding, (value) => value + (Math.random() - 0.5) * 0.02);
      yield { id: `${number}`, content: `vector ${number}`, metadata: { number }, embedding: moved };
    }
  }
  const startedAt = performance.now();
  await collection.addDocuments(rows(), { batchSize: 1000 });
  const rowsPerSecond = (count * 1000) / (performance.now() - startedAt);
  say(`  ${count} vectors, ${rowsPerSecond.toFixed(0)} rows/s`);
  return { count, rowsPerSecond, ...(await indexed(collection, count)) };
}

async function embed(passages: readonly string[], model: Embedder): Promise<LoadedDocument[]> {
  const all: LoadedDocument[] = [];
  for (let at = 0; at < passages.length; at += EMBED_AT_ONCE) {
    const part = passages.slice(at, at + EMBED_AT_ONCE);
    const vectors = await model.embedDocuments(part);
    for (const [offset, content] of part.entries()) {
      const number = at + offset;
      all.push({ id: `p${number}`, content, metadata: { number }, embedding: vectors[offset] ?? [] });
    }
  }
  return all;
}

/** Taken from all over the list. */
function spread(all: readonly string[], count: number): string[] {
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, position) => position % step === 0).slice(0, count);
}

function say(text: string): void {
  if (!options.json) console.log(text);
}
