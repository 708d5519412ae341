// transformers.js, q8, batches of 32: node run-transformers-js.js <folder of the exported model> <requests>
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { answerRuns } from "./answer-runs.ts";

/** What is used of the library, which is not installed where this is compiled. */
interface TransformersJs {
  readonly env: { version: string; allowRemoteModels: boolean; localModelPath: string };
  readonly AutoTokenizer: {
    from_pretrained(model: string): Promise<(texts: readonly string[], options: object) => object>;
  };
  readonly AutoModelForSequenceClassification: {
    from_pretrained(
      model: string,
      options: object,
    ): Promise<(inputs: object) => Promise<{ logits: { data: Float32Array } }>>;
  };
}

const BATCH = 32;
const folder = resolve(process.argv[2] ?? "");
const entry = createRequire(resolve("bench/peers/package.json")).resolve("@huggingface/transformers");
const library = (await import(pathToFileURL(entry).href)) as TransformersJs;
library.env.allowRemoteModels = false;
library.env.localModelPath = dirname(folder);
const name = folder.slice(dirname(folder).length + 1);
const tokenize = await library.AutoTokenizer.from_pretrained(name);
const model = await library.AutoModelForSequenceClassification.from_pretrained(name, { dtype: "q8" });

await answerRuns(`transformers.js ${library.env.version}, q8, batches of ${BATCH}`, async ({ query, texts }) => {
  const scores: number[] = [];
  for (let start = 0; start < texts.length; start += BATCH) {
    const batch = texts.slice(start, start + BATCH);
    const inputs = tokenize(new Array<string>(batch.length).fill(query), {
      text_pair: batch,
      padding: true,
      truncation: true,
    });
    scores.push(...(await model(inputs)).logits.data);
  }
  return scores;
});
