// ONNX Runtime's own peak on this machine: node run-matrix-peak.js <folder> <requests>. Scores are billions of operations
// a second, a multiply-add being two: int8, float32.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { answerRuns } from "./answer-runs.ts";
import { PRODUCTS_PER_RUN, type ProductShape, writeMatrixGraph } from "./matrix-graph.ts";

/** The products of a MiniLM over 512 rows, and larger ones that fit the caches. */
const SHAPES: readonly ProductShape[] = [
  { rows: 512, inner: 384, columns: 1536 },
  { rows: 512, inner: 1536, columns: 384 },
  { rows: 1024, inner: 768, columns: 768 },
];
const TYPES = ["int8", "fp32"] as const;
const RUNS = 8;

const folder = process.argv[2] as string;
await mkdir(folder, { recursive: true });
const products = await Promise.all(
  TYPES.flatMap((type) => SHAPES.map(async (shape) => ({ type, shape, session: await open(type, shape) }))),
);

await answerRuns("onnxruntime-node, products alone, all cores", async () => {
  const peaks: number[] = [];
  for (const type of TYPES) {
    const rates: number[] = [];
    for (const product of products.filter((candidate) => candidate.type === type)) {
      rates.push(await rateOf(product.session, product.shape, type));
    }
    peaks.push(Math.max(...rates));
  }
  return peaks;
});

async function open(type: (typeof TYPES)[number], shape: ProductShape): Promise<InferenceSession> {
  const path = join(folder, `${type}-${Object.values(shape).join("x")}.onnx`);
  if (!existsSync(path)) await writeMatrixGraph(path, shape, type);
  return InferenceSession.create(path);
}

/** The best of several runs: a peak is what nothing disturbed. */
async function rateOf(
  session: InferenceSession,
  { rows, inner, columns }: ProductShape,
  type: (typeof TYPES)[number],
): Promise<number> {
  const values = Uint8Array.from({ length: rows * inner }, (_, index) => (index * 31) % 256);
  const activations =
    type === "int8"
      ? new Tensor("uint8", values, [rows, inner])
      : new Tensor("float32", Float32Array.from(values), [rows, inner]);
  let bestMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const startedAt = performance.now();
    await session.run({ activations });
    bestMs = Math.min(bestMs, performance.now() - startedAt);
  }
  return (2 * PRODUCTS_PER_RUN * rows * inner * columns) / bestMs / 1e6;
}
