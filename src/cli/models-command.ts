import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { PgVectorDBError } from "../errors.ts";
import { describeModel } from "../inference/describe-model.ts";
import { compileLocalModel, pullModel } from "../inference/fetch-model.ts";
import type { ModelDtype } from "../inference/graphs/choose-onnx-file.ts";
import { compiledModelsFolder } from "../inference/graphs/model-graph.ts";
import { bytesBelow, listCachedModels } from "../inference/model-files/list-models.ts";
import { modelCacheFolder } from "../inference/model-files/locate-model.ts";
import type { ModelCall, ModelTask } from "../inference/model-task.ts";
import { BUILTIN_EMBEDDER, BUILTIN_RERANKER, shippedModelFolder } from "../shipped-model.ts";
import type { CommandIO } from "./command-io.ts";
import { formatDescription, formatList } from "./format-models.ts";
import { createProgressBar, type ProgressBar } from "./progress-bar.ts";

const USAGE = `Usage: pgvectordb models <list | info | pull | compile> [model] [options]

  list              the built-in models and those in the Hugging Face cache
  info <model>      what a model is, and how it would be used; exit code 1 when it cannot be
  pull <model>      download what loading it needs
  compile <model>   download it and compile its checkpoint, so that loading it does neither

  <model> is a Hugging Face id, the path of a folder, or "builtin".

  --dtype <type>           fp32 (default), int8 (default for "builtin"), fp16 or auto
  --task <task>            rerank or embed; default: as the model's architecture says
  --relevant-label <name>  the label that means relevant, where a model has more than two
  --revision <name>        branch, tag or commit
  --cache-dir <folder>     default: the Hugging Face cache
  --offline                touch no network
  --json                   print JSON
  --help                   print this
`;

const OPTIONS = {
  dtype: { type: "string" },
  task: { type: "string" },
  "relevant-label": { type: "string" },
  revision: { type: "string" },
  "cache-dir": { type: "string" },
  offline: { type: "boolean" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

const BUILTIN = [
  { id: "builtin", task: "rerank", folder: BUILTIN_RERANKER },
  { id: "builtin (embedder)", task: "embed", folder: BUILTIN_EMBEDDER },
] as const;

/** `pgvectordb models`: shows and prepares local models. @throws PgVectorDBError, or what `parseArgs` throws */
export async function modelsCommand(argv: readonly string[], io: CommandIO): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    io.stdout.write(USAGE);
    return 0;
  }
  const [action, model, ...surplus] = positionals;
  if (action === "list" && model === undefined) return listModels(values, io);
  if (action === undefined || !["list", "info", "pull", "compile"].includes(action))
    throw wrong("expected list, info, pull or compile");
  if (action === "list" || model === undefined || surplus.length > 0)
    throw wrong(`expected ${action}${action === "list" ? " alone" : " and one model"}`);
  const call = toCall(model, values, io);
  if (action === "info") return showModel(call, values.json, io);
  const fetched =
    action === "pull"
      ? await withBars(io, (bars) => pullModel({ ...call, onProgress: bars.file }))
      : await compile(call, io);
  io.stdout.write(values.json ? `${JSON.stringify(fetched)}\n` : `${fetched.path}\n`);
  return 0;
}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>["values"];

function toCall(model: string, values: Values, io: CommandIO): ModelCall {
  const isPath = /^\.{1,2}(?:[/\\]|$)/.test(model);
  return {
    model: isPath ? resolve(io.cwd, model) : model,
    dtype: oneOf("dtype", values.dtype ?? (model === "builtin" ? "int8" : "fp32"), ["fp32", "int8", "fp16", "auto"]),
    task: values.task === undefined ? undefined : oneOf<ModelTask>("task", values.task, ["rerank", "embed"]),
    relevantLabel: values["relevant-label"],
    revision: values.revision,
    cacheDir: cacheDirOf(values, io),
    offline: values.offline,
    signal: io.signal,
  } satisfies ModelCall & { readonly dtype: ModelDtype };
}

async function listModels(values: Values, io: CommandIO): Promise<number> {
  const cacheDir = modelCacheFolder(cacheDirOf(values, io));
  const builtin = BUILTIN.map(async ({ id, task, folder }) => {
    const bytes = await bytesBelow(shippedModelFolder(folder));
    return { id, task, bytes };
  });
  const list = {
    builtin: await Promise.all(builtin),
    cacheDir,
    cached: await listCachedModels(cacheDir),
    compiledBytes: await bytesBelow(compiledModelsFolder(cacheDir)),
  };
  io.stdout.write(values.json ? `${JSON.stringify(list)}\n` : formatList(list));
  return 0;
}

async function showModel(call: ModelCall, json: boolean, io: CommandIO): Promise<number> {
  const description = await describeModel(call);
  io.stdout.write(json ? `${JSON.stringify(description)}\n` : formatDescription(description));
  return description.use === undefined ? 1 : 0;
}

async function compile(call: ModelCall, io: CommandIO) {
  return withBars(io, (bars) => compileLocalModel({ ...call, onProgress: bars.file }, bars.compiled));
}

interface Bars {
  readonly file: NonNullable<ModelCall["onProgress"]>;
  readonly compiled: (written: number, total: number) => void;
}

/** Progress on stderr, a bar for each file; lines are ended whatever comes of the work. */
async function withBars<T>(io: CommandIO, work: (bars: Bars) => Promise<T>): Promise<T> {
  const shown = new Map<string, ProgressBar>();
  const update = (label: string, done: number, total: number) => {
    const [unit, bytes] = total < 1e7 ? ["kB", 1e3] : ["MB", 1e6];
    const bar = shown.get(label) ?? createProgressBar(`${label} (${unit})`, Math.ceil(total / bytes), io.stderr);
    shown.set(label, bar);
    bar.update(Math.ceil(done / bytes));
    if (done >= total) bar.end();
  };
  try {
    return await work({
      file: ({ file, loadedBytes, totalBytes }) => update(file, loadedBytes, totalBytes ?? loadedBytes),
      compiled: (written, total) => update("compiling", written, total),
    });
  } finally {
    for (const bar of shown.values()) bar.end();
  }
}

function cacheDirOf(values: Values, io: CommandIO): string | undefined {
  const { "cache-dir": cacheDir } = values;
  return cacheDir === undefined ? undefined : resolve(io.cwd, cacheDir);
}

function oneOf<T extends string>(name: string, value: string, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw wrong(`--${name} must be ${known.join(", ")}`);
  return found;
}

function wrong(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", `${message} (see pgvectordb models --help)`);
}
