// The models that ship in this package: their speed and their size.
import { mkdir, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createBuiltinEmbedder } from "pgvectordb/embedders";
import { CrossEncoderReranker } from "pgvectordb/rerankers";
import { type Figure, printFigure } from "./figure.ts";
import { describeMachine, printMachine } from "./machine.ts";
import { median } from "./median.ts";
import { readScoreRequests } from "./score-requests.ts";
import { seededModel } from "./seeded-model.ts";

const ROUNDS = 15;
const TEXTS = 20_000;
const WORDS = 12;
const WORK_FOLDER = "build/bench-inference";
const DATA = resolve(process.env["PGVECTORDB_EVAL_DATA"] ?? "../shared/eval");

printMachine(describeMachine(["onnxruntime-node"]));
await mkdir(WORK_FOLDER, { recursive: true });
const { requests, source } = await readScoreRequests(DATA, { short: 100, long: 1, all: 200 });
console.log(`Texts: ${source}`);
for (const figure of [...(await sizes()), ...(await rerankTimes()), await embedderSpeed()]) printFigure(figure);

async function sizes(): Promise<Figure[]> {
  const limits = { embedder: 8, reranker: 16 };
  const folders = (await readdir("models")).filter((name) => /^(embedder|reranker)-v\d+$/.test(name));
  return Promise.all(
    folders.map(async (name) => ({
      name: `models/${name} on disk`,
      value: (await bytesOf(join("models", name))) / 1e6,
      unit: " MB",
      bar: { most: limits[name.startsWith("embedder") ? "embedder" : "reranker"] },
      digits: 2,
    })),
  );
}

async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** 100 short pairs, text to scores, in turns with a 6-layer MiniLM of random weights. */
async function rerankTimes(): Promise<Figure[]> {
  const model = await seededModel(WORK_FOLDER);
  const cacheDir = resolve(WORK_FOLDER, "cache");
  const contestants = [
    { name: "built-in reranker", reranker: new CrossEncoderReranker({ model: "builtin" }) },
    { name: "6-layer MiniLM, int8", reranker: new CrossEncoderReranker({ model, cacheDir, dtype: "int8" }) },
    { name: "6-layer MiniLM, fp32", reranker: new CrossEncoderReranker({ model, cacheDir, dtype: "fp32" }) },
  ].map((contestant) => ({ ...contestant, times: [] as number[] }));
  const { query, texts } = requests.short;
  for (const { reranker } of contestants) await reranker.rerank(query, texts);
  for (let round = 0; round < ROUNDS; round++) {
    for (const { reranker, times } of contestants) {
      await reranker.rerank(query, texts); // what the others left of caches and threads is not what is compared
      const startedAt = performance.now();
      await reranker.rerank(query, texts);
      times.push(performance.now() - startedAt);
    }
  }
  for (const { reranker } of contestants) await reranker.close();
  const [own, int8, fp32] = contestants.map(({ times }) => median(times)) as [number, number, number];
  const absolute = contestants.map(({ name, times }) => ({
    name: `${name}, 100 pairs`,
    value: median(times),
    unit: " ms",
  }));
  return [
    ...absolute,
    { name: "built-in / 6-layer MiniLM int8", value: own / int8, unit: "", bar: { most: 1 / 3 }, digits: 3 },
    { name: "built-in / 6-layer MiniLM fp32", value: own / fp32, unit: "", bar: { most: 1 / 3 }, digits: 3 },
  ];
}

async function embedderSpeed(): Promise<Figure> {
  const words = requests.all.texts.join(" ").split(/\s+/);
  const texts = Array.from({ length: TEXTS }, (_, index) => {
    const start = (index * 7) % (words.length - WORDS);
    return words.slice(start, start + WORDS).join(" ");
  });
  const embedder = createBuiltinEmbedder();
  await embedder.embedDocuments(texts.slice(0, 1000));
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    await embedder.embedDocuments(texts);
    rates.push(TEXTS / ((performance.now() - startedAt) / 1000));
  }
  return { name: "built-in embedder, texts of 12 words", value: median(rates), unit: "/s", bar: { least: 50_000 } };
}
