import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Collection } from "../collection.ts";
import { PgVectorDBError } from "../errors.ts";
import { CrossEncoderReranker } from "../rerankers/cross-encoder-reranker.ts";
import { EXIT_CODES_HELP } from "./command-arguments.ts";
import type { CommandIO } from "./command-io.ts";
import { collectMarkdown } from "./demo/collect-markdown.ts";
import { bringUpToDate, type PassageMetadata, toPassages } from "./demo/demo-index.ts";
import type { DemoHit, DemoResult } from "./demo/demo-result.ts";
import { formatDemoResult } from "./demo/format-demo-result.ts";
import { openStore } from "./open-store.ts";
import { createProgressBar } from "./progress-bar.ts";

const QUESTION = "How do I generate random but reproducible test data?";
const CANDIDATES = 100;
const SHOWN = 5;

const HELP = `Usage: pgvectordb demo ["question"] [options]

Indexes the Markdown of this folder and of its packages under node_modules into embedded Postgres, takes ${CANDIDATES} candidates
by hybrid search, reranks them with the built-in cross-encoder and prints both orders.

  --json             print the result as JSON and nothing else on stdout
  --data-dir FOLDER  where the index is kept (default .pgvectordb/demo)
  --url URL          keep the index in this database instead: a folder, or postgres://user:password@host/database
  --model MODEL      the cross-encoder: a hub id, a folder or "builtin" (default)
${EXIT_CODES_HELP}`;

/** `pgvectordb demo`: the main job on text that every machine has. */
export async function demoCommand(argv: readonly string[], io: CommandIO): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      "data-dir": { type: "string", default: join(".pgvectordb", "demo") },
      url: { type: "string" },
      model: { type: "string", default: "builtin" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  // `npm run demo --json` keeps the option for npm and passes it on in the environment.
  const json = values.json || io.env["npm_config_json"] === "true";
  const question = positionals.join(" ").trim() || QUESTION;
  const place = await preparePlace(resolve(io.cwd, values["data-dir"]), values.url);
  const result = await answer(question, place, values.model, io);
  io.stdout.write(json ? `${JSON.stringify(result, undefined, 2)}\n` : formatDemoResult(result, io.stdout.columns));
  return 0;
}

interface Place {
  readonly url: string;
  /** Where it is noted what the index holds. */
  readonly notes: string;
}

/** A database elsewhere has notes of its own, under a name that does not tell its password. */
async function preparePlace(folder: string, url: string | undefined): Promise<Place> {
  const digest = createHash("sha256")
    .update(url ?? "")
    .digest("hex");
  const notes = url === undefined ? folder : join(folder, digest.slice(0, 16));
  await mkdir(notes, { recursive: true });
  return { url: url ?? join(folder, "database"), notes };
}

async function answer(question: string, place: Place, model: string, io: CommandIO): Promise<DemoResult> {
  const { signal } = io;
  const documents = await collectMarkdown(io.cwd, signal);
  if (documents.length === 0) {
    throw new PgVectorDBError(
      "invalid_argument",
      `No Markdown was found in ${io.cwd} or its node_modules. Run it in a project after \`npm ci\`.`,
    );
  }
  const passages = toPassages(documents);

  const openedAt = performance.now();
  await using reranker = new CrossEncoderReranker({ model });
  await using db = await openStore(place, io);
  const collection = await db.collection<PassageMetadata>("markdown");
  const openMs = performance.now() - openedAt;

  const indexedAt = performance.now();
  const bar = createProgressBar("Indexing passages", passages.length, io.stderr);
  const written = await bringUpToDate(collection, passages, place.notes, {
    signal,
    onProgress: (done) => bar.update(done),
  });
  bar.end();
  const indexMs = performance.now() - indexedAt;
  // Only now: making a database and holding a model at once is what takes the most memory.
  await reranker.load({ signal });

  const found = await search(question, collection, reranker, signal);
  return {
    question,
    corpus: { documents: documents.length, passages: passages.length, written },
    reranker: model,
    ...found,
    timings: { openMs, indexMs, ...found.timings },
  };
}

async function search(
  question: string,
  collection: Collection<PassageMetadata>,
  reranker: CrossEncoderReranker,
  signal: AbortSignal | undefined,
): Promise<
  Pick<DemoResult, "candidates" | "firstStage" | "reranked"> & {
    timings: Omit<DemoResult["timings"], "openMs" | "indexMs">;
  }
> {
  const { hits, candidates, timings } = await collection.rerankSearch(question, {
    reranker,
    method: "hybrid",
    k: CANDIDATES,
    rerankTopK: CANDIDATES,
    signal,
  });
  const ranked = hits.map(({ id, content, metadata, score, stages: { hybrid } }, position): DemoHit => {
    if (hybrid === undefined) throw new Error("a hit of rerankSearch lacks a stage");
    const rank = position + 1;
    return {
      id,
      source: metadata.source,
      headings: metadata.headings,
      content,
      firstStage: { rank: hybrid.rank, score: hybrid.score },
      rerank: { rank, score },
      moved: hybrid.rank - rank,
    };
  });
  const { embedMs, retrievalMs, rerankMs, totalMs } = timings;
  return {
    candidates,
    firstStage: ranked.toSorted((a, b) => a.firstStage.rank - b.firstStage.rank).slice(0, SHOWN),
    reranked: ranked.slice(0, SHOWN),
    timings: { embedMs, retrievalMs, rerankMs, answerMs: totalMs },
  };
}
