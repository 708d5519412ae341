import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CrossEncoderReranker } from "../../rerankers/cross-encoder-reranker.ts";
import { nativeMissingInOneWorker, preferKernels } from "./native-engine.suite.ts";

preferKernels();
const missing = await nativeMissingInOneWorker();
const docs = new URL("../../../docs/", import.meta.url);
/** Paragraphs of the documentation. */
const passages = readdirSync(docs)
  .filter((name) => name.endsWith(".md"))
  .toSorted()
  .flatMap((name) => readFileSync(fileURLToPath(new URL(name, docs)), "utf8").split(/\n\n+/))
  .filter((passage) => passage.length > 150 && !passage.startsWith("```"))
  .slice(0, 48);
const QUESTIONS = ["How do I filter by metadata?", "what does int8 cost in ranking quality", "close a connection pool"];

/** Scores of every question with every passage. Workers read the variable when they start; what it says of our own kernels stays. */
async function scoreAll(engine: "native" | "onnxruntime", texts: readonly string[] = passages): Promise<number[][]> {
  const before = process.env["PGVECTORDB_NATIVE"];
  if (engine === "onnxruntime") process.env["PGVECTORDB_NATIVE"] = "off";
  const reranker = new CrossEncoderReranker({ model: "builtin", workers: 1 });
  try {
    const rows: number[][] = [];
    for (const question of QUESTIONS) {
      const scores: number[] = [];
      for (const { index, score } of await reranker.rerank(question, texts)) scores[index] = score;
      rows.push(scores);
    }
    return rows;
  } finally {
    await reranker.close();
    if (before === undefined) delete process.env["PGVECTORDB_NATIVE"];
    else process.env["PGVECTORDB_NATIVE"] = before;
  }
}

describe.skipIf(missing)(`the built-in reranker in our own kernels${missing}`, () => {
  test("scores as in ONNX Runtime but for int8's rounding", async () => {
    const [native, runtime] = [await scoreAll("native"), await scoreAll("onnxruntime")].map((rows) => rows.flat());
    const logit = (score: number) => Math.log(score / (1 - score));
    const differences = (native as number[]).map((score, i) =>
      Math.abs(logit(score) - logit((runtime as number[])[i] as number)),
    );
    // 0.7 and 0.24 were measured, of which ONNX Runtime's own distance from the model in float32 is nearly all.
    expect(Math.max(...differences)).toBeLessThan(1.2);
    expect(Math.hypot(...differences) / Math.sqrt(differences.length)).toBeLessThan(0.4);
    // Other kernels, and so not the same to the last bit.
    expect(native).not.toEqual(runtime);
  });

  test("gives a pair the same score to the last bit whatever else is in the call", async () => {
    const forwards = await scoreAll("native");
    const backwards = await scoreAll("native", passages.toReversed());
    expect(backwards.map((row) => row.toReversed())).toEqual(forwards);
  });
});
