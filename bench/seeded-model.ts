import { existsSync } from "node:fs";
import { copyFile, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { BUILTIN_RERANKER } from "../src/shipped-model.ts";

/** The shape of a BERT cross-encoder: lengths in numbers, not bytes. */
export interface BertShape {
  readonly vocabulary: number;
  readonly positions: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
}

/** That of cross-encoder/ms-marco-MiniLM-L-6-v2. */
export const MINILM: BertShape = {
  vocabulary: 30_522,
  positions: 512,
  hidden: 384,
  layers: 6,
  heads: 12,
  intermediate: 1536,
};

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"];
/** That model's own tokenizer where the evaluation data are, else the package's, whose ids are among the vocabulary's too. */
const TOKENIZER_FOLDERS = ["../shared/eval/tokenizers/ms-marco-MiniLM-L-6-v2", `models/${BUILTIN_RERANKER}`];

/**
 * A checkpoint of this shape with random weights, in a folder of its own below `parent`, where it stays. Speed does not
 * depend on what a model knows.
 */
export async function seededModel(parent: string, shape = MINILM): Promise<string> {
  const tokenizers = TOKENIZER_FOLDERS.find((candidate) => existsSync(candidate)) as string;
  const folder = resolve(parent, `random-${basename(tokenizers)}`);
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.${process.pid}.tmp`;
  await mkdir(temporary, { recursive: true });
  try {
    for (const file of TOKENIZER_FILES) await copyFile(join(tokenizers, file), join(temporary, file));
    await writeFile(join(temporary, "config.json"), JSON.stringify(configOf(shape), undefined, 2));
    await writeWeights(join(temporary, "model.safetensors"), shape);
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** The shape that a checkpoint's config.json gives, when it is of this kind. */
export async function readBertShape(folder: string): Promise<BertShape | undefined> {
  const config: Record<string, unknown> = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
  if (config["model_type"] !== "bert") return undefined;
  return {
    vocabulary: Number(config["vocab_size"]),
    positions: Number(config["max_position_embeddings"]),
    hidden: Number(config["hidden_size"]),
    layers: Number(config["num_hidden_layers"]),
    heads: Number(config["num_attention_heads"]),
    intermediate: Number(config["intermediate_size"]),
  };
}

function configOf({ vocabulary, positions, hidden, layers, heads, intermediate }: BertShape) {
  return {
    architectures: ["BertForSequenceClassification"],
    model_type: "bert",
    vocab_size: vocabulary,
    max_position_embeddings: positions,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    hidden_act: "gelu",
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
    id2label: { 0: "LABEL_0" },
    label2id: { LABEL_0: 0 },
    sentence_transformers: { activation_fn: "torch.nn.modules.linear.Identity" },
  };
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: "random" | "one" | "zero";
}

function tensorsOf({ vocabulary, positions, hidden, layers, intermediate }: BertShape): Tensor[] {
  const linear = (name: string, outputs: number, inputs: number): Tensor[] => [
    { name: `${name}.weight`, shape: [outputs, inputs], values: "random" },
    { name: `${name}.bias`, shape: [outputs], values: "random" },
  ];
  const norm = (name: string): Tensor[] => [
    { name: `${name}.weight`, shape: [hidden], values: "one" },
    { name: `${name}.bias`, shape: [hidden], values: "zero" },
  ];
  const table = (name: string, rows: number): Tensor => ({
    name: `bert.embeddings.${name}_embeddings.weight`,
    shape: [rows, hidden],
    values: "random",
  });
  const layer = (index: number) => {
    const at = `bert.encoder.layer.${index}`;
    return [
      ...["query", "key", "value"].flatMap((part) => linear(`${at}.attention.self.${part}`, hidden, hidden)),
      ...linear(`${at}.attention.output.dense`, hidden, hidden),
      ...norm(`${at}.attention.output.LayerNorm`),
      ...linear(`${at}.intermediate.dense`, intermediate, hidden),
      ...linear(`${at}.output.dense`, hidden, intermediate),
      ...norm(`${at}.output.LayerNorm`),
    ];
  };
  return [
    table("word", vocabulary),
    table("position", positions),
    table("token_type", 2),
    ...norm("bert.embeddings.LayerNorm"),
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
    ...linear("bert.pooler.dense", hidden, hidden),
    ...linear("classifier", 1, hidden),
  ];
}

async function writeWeights(path: string, shape: BertShape): Promise<void> {
  const tensors = tensorsOf(shape);
  let end = 0;
  const entries = tensors.map(({ name, shape: dims }) => {
    const begin = end;
    end += countOf(dims) * 4;
    return [name, { dtype: "F32", shape: dims, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const random = uniform(42);
  const file = await open(path, "wx");
  try {
    for (const part of [length, header]) await file.writeFile(part);
    for (const tensor of tensors) await file.writeFile(new Uint8Array(fill(tensor, random).buffer));
  } finally {
    await file.close();
  }
}

/** Weights keep the size of what they multiply, so that every layer has its part in the logit. */
function fill({ shape, values }: Tensor, random: () => number): Float32Array {
  const numbers = new Float32Array(countOf(shape));
  if (values === "one") return numbers.fill(1);
  if (values === "zero") return numbers;
  const spread = Math.sqrt(3 / (shape.at(-1) as number));
  return numbers.map(() => spread * random());
}

/** From -1 to 1 (Marsaglia's xorshift). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
