// FlashRank's way, in our process layout: one batch of all pairs, padded, in one session with its defaults.
// node run-one-batch.js <folder of the exported model> <requests> <file>
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { Tokenizer } from "tokenizers";
import { answerRuns } from "./answer-runs.ts";

const [folder = "", , file = ""] = process.argv.slice(2);
const tokenizer = Tokenizer.fromString(readFileSync(join(folder, "tokenizer.json"), "utf8"));
tokenizer.setTruncation(512);
const session = await InferenceSession.create(join(folder, "onnx", file));

await answerRuns(`onnxruntime-node, ${file}`, async ({ query, texts }) => {
  const encodings = await Promise.all(texts.map((text) => tokenizer.encode(query, text)));
  const longest = Math.max(...encodings.map((encoding) => encoding.getLength()));
  for (const encoding of encodings) encoding.pad(longest, { padId: 0 });
  const dims = [texts.length, longest];
  const int64 = (rows: readonly number[][]) => new Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), dims);
  const { logits } = await session.run({
    input_ids: int64(encodings.map((encoding) => encoding.getIds())),
    attention_mask: int64(encodings.map((encoding) => encoding.getAttentionMask())),
    token_type_ids: int64(encodings.map((encoding) => encoding.getTypeIds())),
  });
  return [...((logits as Tensor).data as Float32Array)];
});
