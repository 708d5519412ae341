// Measures the embedded store: node bench/store.mjs [passages] [--index]. Build first: npm run build.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { PgVectorDB } from "../dist/index.js";

const passages = Number(process.argv[2] ?? 8000);
const withIndex = process.argv.includes("--index");
const DIMENSIONS = 256;
const folder = mkdtempSync(join(tmpdir(), "pgvectordb-bench-"));
console.log(
  `${cpus()[0]?.model}, ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`,
);

const random = (() => {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
})();

// Zipf-like words in about 100 topics, and vectors that lie around the topics: what real text looks like to both indexes.
const syllables = ["ka", "ri", "to", "men", "sol", "ver", "di", "pa", "lu", "nor", "es", "qui", "bra", "fen", "os"];
const vocabulary = Array.from({ length: 20000 }, (_, i) =>
  [i % 15, (i * 7) % 13, Math.floor(i / 15) % 15, Math.floor(i / 225) % 15, Math.floor(i / 3375) % 15]
    .map((at) => syllables[at])
    .join(""),
);
const topics = Array.from({ length: 100 }, () => Float32Array.from({ length: DIMENSIONS }, () => random() - 0.5));
const word = () => vocabulary[Math.floor(20000 ** random()) - 1] ?? "the";
const embed = (text) => {
  const topic = topics[Number.parseInt(text.slice(1), 10) % 100] ?? new Float32Array(DIMENSIONS);
  const vector = topic.map((value) => value + (random() - 0.5) * 0.7);
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
};
const embedder = {
  id: "bench/topics",
  dimensions: DIMENSIONS,
  embedDocuments: async (texts) => texts.map(embed),
  embedQuery: async (text) => embed(text),
};
const documents = Array.from({ length: passages }, (_, i) => ({
  id: `doc-${i}`,
  content: `t${i % 100} ${Array.from({ length: 75 }, word).join(" ")}`,
  metadata: { number: i, topic: i % 100 },
}));
const timed = async (name, work) => {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const result = await work();
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  console.log(
    `${name.padEnd(34)} ${ms.toFixed(0).padStart(7)} ms, CPU ${((user + system) / 1000).toFixed(0).padStart(6)} ms   rss ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  );
  return result;
};
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const repeat = async (name, search) => {
  const times = [];
  const cpuBefore = process.cpuUsage();
  let returned = 0;
  for (let i = 0; i < 20; i++) {
    const query = `t${i} ${word()} ${word()} ${vocabulary[3 + i]} ${word()}`;
    const startedAt = performance.now();
    returned = (await search(query)).candidates.returned;
    times.push(performance.now() - startedAt);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuMs = (user + system) / 1000 / times.length;
  console.log(
    `${name.padEnd(34)} ${median(times).toFixed(1).padStart(7)} ms median, CPU ${cpuMs.toFixed(1)}, max ${Math.max(...times).toFixed(1)}, ${returned} candidates`,
  );
};

try {
  let db = await timed("create the folder", () => PgVectorDB.open({ url: folder }));
  await timed("close", () => db.close());
  db = await timed("open it again", () => PgVectorDB.open({ url: folder }));
  const collection = await db.collection("bench", { embedder });
  let lastBatch = performance.now();
  const startedAt = performance.now();
  await timed(`add ${passages} passages, BM25 included`, () =>
    collection.addDocuments(documents, {
      onProgress: () => {
        lastBatch = performance.now();
      },
    }),
  );
  console.log(
    `  of which documents               ${(lastBatch - startedAt).toFixed(0).padStart(7)} ms, ${Math.round(passages / ((lastBatch - startedAt) / 1000))} rows/s`,
  );
  await timed("add them again, unchanged", () => collection.addDocuments(documents));
  if (withIndex) await timed("build the HNSW index", () => collection.createIndex());
  await repeat("semantic, k = 100", (query) => collection.semanticSearch(query, { k: 100 }));
  await repeat("semantic exact, k = 100", (query) => collection.semanticSearch(query, { k: 100, exact: true }));
  await repeat("keyword, k = 100", (query) => collection.keywordSearch(query, { k: 100 }));
  await repeat("hybrid, k = 100", (query) => collection.hybridSearch(query, { k: 100 }));
  await repeat("hybrid, 1 % filter", (query) => collection.hybridSearch(query, { k: 100, where: { topic: 7 } }));
  await timed("add 256 more", () =>
    collection.addDocuments(Array.from({ length: 256 }, (_, i) => ({ content: `t${i} ${word()} ${word()} more` }))),
  );
  await timed("close", () => db.close());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
