import { execFileSync } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { lastError, TimedProcess } from "./timed-process.ts";

/** Someone who scores pairs, in a process of its own. */
export interface Contestant {
  readonly key: string;
  readonly name: string;
  readonly start: () => Promise<TimedProcess>;
  /** Why it cannot take part, and what to do. */
  readonly missing: string | undefined;
}

export interface ContestantFiles {
  /** A folder, or a hub id. */
  readonly model: string;
  /** The requests by name, as JSON. */
  readonly requests: string;
  readonly cacheDir: string;
  /** The model as the hub's ONNX repositories have it; made here when it can be. */
  readonly exported: string;
}

const INSTALL = "node bench/peers/install.mjs";
const NO_PYTHON = `no Python with sentence-transformers; ${INSTALL}, or set PGVECTORDB_BENCH_PYTHON`;
const TRANSFORMERS_JS = "bench/peers/node_modules/@huggingface/transformers";

export function listContestants(files: ContestantFiles): Contestant[] {
  const { model, requests, cacheDir, exported } = files;
  const node = (script: string, ...args: string[]) =>
    TimedProcess.start(process.execPath, [scriptPath(script), ...args]);
  const inRuntime = (dtype: string) =>
    TimedProcess.start(process.execPath, [scriptPath("run-ours"), model, requests, dtype, cacheDir], {
      PGVECTORDB_NATIVE: "off",
    });
  const python = findPython();
  const noPython = python === undefined ? NO_PYTHON : undefined;
  const noExport = exportModel(python, model, exported);
  const noLibrary = existsSync(TRANSFORMERS_JS) ? undefined : `not installed; ${INSTALL}`;
  return [
    {
      key: "int8",
      name: "ours, int8",
      start: () => node("run-ours", model, requests, "int8", cacheDir),
      missing: undefined,
    },
    {
      key: "int8-onnx",
      name: "ours, int8 in ONNX Runtime",
      start: () => inRuntime("int8"),
      missing: undefined,
    },
    {
      key: "fp32",
      name: "ours, fp32",
      start: () => node("run-ours", model, requests, "fp32", cacheDir),
      missing: undefined,
    },
    {
      key: "fp32-onnx",
      name: "ours, fp32 in ONNX Runtime",
      start: () => inRuntime("fp32"),
      missing: undefined,
    },
    {
      key: "torch",
      name: "sentence-transformers, fp32",
      start: () => TimedProcess.start(python as string, ["bench/peers/cross_encoder.py", model, requests]),
      missing: noPython,
    },
    {
      key: "transformersjs",
      name: "transformers.js q8, batches of 32",
      start: () => node("run-transformers-js", exported, requests),
      missing: noLibrary ?? noExport,
    },
    {
      key: "onebatch8",
      name: "FlashRank's way, q8",
      start: () => node("run-one-batch", exported, requests, "model_quantized.onnx"),
      missing: noExport,
    },
    {
      key: "onebatch32",
      name: "FlashRank's way, fp32",
      start: () => node("run-one-batch", exported, requests, "model.onnx"),
      missing: noExport,
    },
  ];
}

/** Who embeds texts: the same model's encoder, with the mean of its rows. */
export function listEmbedders({ model, requests, cacheDir }: ContestantFiles): Contestant[] {
  const python = findPython();
  const ours = (dtype: string, environment?: Readonly<Record<string, string>>) =>
    TimedProcess.start(process.execPath, [scriptPath("run-embedder"), model, requests, dtype, cacheDir], environment);
  const inRuntime = { PGVECTORDB_NATIVE: "off" };
  return [
    { key: "int8", name: "ours, int8", start: () => ours("int8"), missing: undefined },
    { key: "int8-onnx", name: "ours, int8 in ONNX Runtime", start: () => ours("int8", inRuntime), missing: undefined },
    { key: "fp32", name: "ours, fp32", start: () => ours("fp32"), missing: undefined },
    { key: "fp32-onnx", name: "ours, fp32 in ONNX Runtime", start: () => ours("fp32", inRuntime), missing: undefined },
    {
      key: "torch",
      name: "sentence-transformers, fp32",
      start: () => TimedProcess.start(python as string, ["bench/peers/sentence_encoder.py", model, requests]),
      missing: python === undefined ? NO_PYTHON : undefined,
    },
  ];
}

/** A compiled script beside this one. */
export function scriptPath(name: string): string {
  return fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}

function findPython(): string | undefined {
  const candidates = [process.env["PGVECTORDB_BENCH_PYTHON"], resolve("bench/peers/.venv/bin/python")];
  return candidates.find((path) => {
    if (path === undefined || !existsSync(path)) return false;
    try {
      const found = "import importlib.util as u, sys; sys.exit(u.find_spec('sentence_transformers') is None)";
      execFileSync(path, ["-c", found], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

/** Returns why there is no exported model, if there is none. */
function exportModel(python: string | undefined, model: string, exported: string): string | undefined {
  if (existsSync(exported)) return undefined;
  if (python === undefined) return `the model's ONNX files are exported with Python; ${INSTALL}`;
  try {
    const temporary = `${exported}.${process.pid}.tmp`;
    execFileSync(python, ["bench/peers/export_onnx.py", model, temporary], { stdio: "pipe" });
    renameSync(temporary, exported);
    return undefined;
  } catch (error) {
    return `its export failed: ${lastError(String((error as { stderr?: unknown }).stderr))}`;
  }
}
