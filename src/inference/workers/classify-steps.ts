import type { TruncatedPair, WinningSpan } from "../../contracts/reranker.ts";
import { PgVectorDBError } from "../../errors.ts";
import type { PreparedModel } from "../graphs/prepared-model.ts";
import { type LongDocumentPlan, poolWindows, type Window } from "../inputs/long-documents.ts";
import type { DocumentEncoder, DocumentSplitter, EncodedPair, QueryEncoder } from "../inputs/pair-encoder.ts";
import { type ClassificationHead, scoreOf } from "../repository/classification-head.ts";
import { encodeInBatches } from "../sessions/input-batches.ts";
import type { ModelSession } from "../sessions/model-session.ts";
import type { Steps } from "./fair-scheduler.ts";
import type { RunPart } from "./run-portions.ts";
import type { ClassifyTask, TextPart } from "./worker-messages.ts";

export interface Classifier {
  readonly model: PreparedModel;
  readonly encoder: QueryEncoder;
  readonly session: ModelSession;
  readonly head: ClassificationHead;
  readonly outputName: string;
  readonly longDocuments: LongDocumentPlan;
}

/** Finds the output that holds the logits. @throws PgVectorDBError `model_invalid` for a model that does not classify */
export function findLogits(session: ModelSession, head: ClassificationHead): string {
  const outputName = session.outputNames.includes("logits") ? "logits" : (session.outputNames[0] as string);
  const dims = session.outputDims(outputName);
  const labels = dims?.at(-1);
  if (dims?.length !== 2 || (typeof labels === "number" && labels !== head.labelCount)) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model's ONNX graph gives \`${outputName}\` of shape [${dims?.join(", ")}]; a reranker with ` +
        `${head.labelCount} label(s) in config.json (\`id2label\`, else \`num_labels\`, else 2) gives logits of shape [batch, ${head.labelCount}].`,
    );
  }
  return outputName;
}

/** One text that the model reads beside the query, by its place in the request. */
interface ScoredText {
  readonly score: number;
  readonly removed: EncodedPair["removed"];
  readonly tokens: number;
}

/** Tokenises the query, once for all parts of a call. What it returns scores one of them, a batch a step. */
export async function readQuery(classifier: Classifier, query: string): Promise<RunPart<ClassifyTask>> {
  const encode = await classifier.encoder.forQuery(query);
  if (classifier.longDocuments.mode !== "split") return (part) => scoreWhole(classifier, encode, part);
  const split = await classifier.encoder.windowsFor(query, classifier.longDocuments.overlap);
  return (part) => scoreWindows(classifier, { encode, split }, part);
}

async function* scoreWhole(
  classifier: Classifier,
  encode: DocumentEncoder,
  { texts, positions }: TextPart,
): Steps<ClassifyTask["result"]> {
  const placeOf = (text: number) => positions[text] as number;
  const scored = yield* scoreTexts(classifier, encode, texts, placeOf);
  const logits = scored.map(({ score }) => score);
  return { logits, truncated: truncatedOf(scored, placeOf), tokens: tokensOf(scored), spans: [] };
}

async function* scoreWindows(
  classifier: Classifier,
  { encode, split }: { readonly encode: DocumentEncoder; readonly split: DocumentSplitter },
  { texts, positions }: TextPart,
): Steps<ClassifyTask["result"]> {
  const placeOf = (text: number) => positions[text] as number;
  const windows = yield* splitTexts(split, texts);
  const slices = windows.map(({ text, start, end }) => (texts[text] as string).slice(start, end));
  const scored = yield* scoreTexts(classifier, encode, slices, (slice) => placeOf((windows[slice] as Window).text));
  return poolTexts(windows, scored, classifier.longDocuments, texts, placeOf);
}

/** `result[i]` belongs to `texts[i]`. `placeOf` gives the place that the caller knows a text by, for messages. */
async function* scoreTexts(
  classifier: Classifier,
  encode: DocumentEncoder,
  texts: readonly string[],
  placeOf: (text: number) => number,
): Steps<readonly ScoredText[]> {
  const scored = new Array<ScoredText>(texts.length);
  for await (const batch of encodeInBatches(texts, encode, classifier)) {
    if (batch === undefined) {
      yield undefined;
      continue;
    }
    if (classifier.longDocuments.mode === "error") checkWhole(batch, classifier.model.maxTokens, placeOf);
    const scores = await scoreBatch(classifier, batch.inputs);
    batch.positions.forEach((position, i) => {
      const { ids, removed } = batch.inputs[i] as EncodedPair;
      const score = checkedScore(scores[i] as number, placeOf(position));
      scored[position] = { score, removed, tokens: ids.length };
    });
  }
  return scored;
}

async function* splitTexts(split: DocumentSplitter, texts: readonly string[]): Steps<readonly Window[]> {
  const windows: Window[] = [];
  for (const [text, content] of texts.entries()) {
    for (const span of yield* split(content)) windows.push({ text, ...span });
    yield undefined;
  }
  return windows;
}

/** What the windows of each text make together; `windows` are in the order of the texts. */
function poolTexts(
  windows: readonly Window[],
  scored: readonly ScoredText[],
  { pooling }: LongDocumentPlan,
  texts: readonly string[],
  placeOf: (text: number) => number,
): ClassifyTask["result"] {
  const logits: number[] = [];
  const spans: WinningSpan[] = [];
  const removed: Pick<ScoredText, "removed">[] = [];
  for (let text = 0, first = 0; text < texts.length; text++) {
    let end = first;
    while (windows[end]?.text === text) end++;
    const parts = scored.slice(first, end);
    const { score, best } = poolWindows(
      parts.map((part) => part.score),
      pooling,
    );
    logits.push(score);
    removed.push({
      removed: {
        query: Math.max(...parts.map((part) => part.removed.query)),
        document: parts.reduce((sum, part) => sum + part.removed.document, 0),
      },
    });
    const { start, end: spanEnd } = windows[first + best] as Window;
    if (parts.length > 1) spans.push({ index: placeOf(text), start, end: spanEnd, windows: parts.length });
    first = end;
  }
  return {
    logits,
    truncated: truncatedOf(removed, placeOf),
    tokens: tokensOf(scored),
    spans: spans.sort((a, b) => a.index - b.index),
  };
}

function truncatedOf(
  scored: readonly Pick<ScoredText, "removed">[],
  placeOf: (text: number) => number,
): TruncatedPair[] {
  return scored
    .map(({ removed }, text) => ({
      index: placeOf(text),
      documentTokens: removed.document,
      queryTokens: removed.query,
    }))
    .filter(({ documentTokens, queryTokens }) => documentTokens + queryTokens > 0)
    .sort((a, b) => a.index - b.index);
}

function tokensOf(scored: readonly ScoredText[]): number {
  return scored.reduce((sum, { tokens }) => sum + tokens, 0);
}

function checkWhole(
  { inputs, positions }: { readonly inputs: readonly EncodedPair[]; readonly positions: readonly number[] },
  maxTokens: number,
  placeOf: (text: number) => number,
): void {
  const cut = inputs.findIndex(({ removed }) => removed.query + removed.document > 0);
  if (cut < 0) return;
  const { removed } = inputs[cut] as EncodedPair;
  throw new PgVectorDBError(
    "invalid_argument",
    `\`documents[${placeOf(positions[cut] as number)}]\` and the query are at least ${removed.query + removed.document} tokens longer than ` +
      `the ${maxTokens} that the model reads, and \`longDocuments\` is "error". Shorten the document, raise \`maxLength\` where the model allows, or use "split".`,
  );
}

async function scoreBatch(
  { session, head, outputName }: Classifier,
  inputs: Parameters<ModelSession["run"]>[0],
): Promise<number[]> {
  const { data, dims } = await session.run(inputs, outputName);
  if (dims.length !== 2 || dims[0] !== inputs.length || dims[1] !== head.labelCount) {
    throw new PgVectorDBError(
      "model_invalid",
      `The model gave logits of shape [${dims.join(", ")}] where [${inputs.length}, ${head.labelCount}] was expected.`,
    );
  }
  return inputs.map((_, row) => scoreOf(data.subarray(row * head.labelCount, (row + 1) * head.labelCount), head));
}

function checkedScore(score: number, index: number): number {
  if (Number.isFinite(score)) return score;
  throw new PgVectorDBError("inference_failed", `The model gave ${score} as the score of document ${index}.`);
}
