import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { PgVectorDBError } from "../../errors.ts";
import type { LocatedModel } from "./located-model.ts";
import { isSafeFileName, printableName } from "./model-file-name.ts";

/** Deeper files are not a model's; `onnx/model.onnx` is at depth 2. */
const MAX_DEPTH = 5;
const MAX_ENTRIES = 20_000;

/** Opens a folder as a model. @throws PgVectorDBError `model_not_found`, `model_invalid` */
export async function openModelFolder(folder: string): Promise<LocatedModel> {
  await checkFolder(folder);
  const files = await listFolder(folder);
  const listed = new Set(files);
  return {
    id: folder,
    origin: "folder",
    files,
    async fetch(file) {
      if (!isSafeFileName(file)) throw unsafeName(file);
      if (!listed.has(file)) throw missingFile(folder, file, files);
      return insidePath(folder, file);
    },
  };
}

/**
 * The files under a folder, sorted, with `/` between parts. Links to files are listed, links to folders are not followed,
 * and names that begin with a dot are left out.
 *
 * @throws PgVectorDBError `model_invalid` for a folder with too many entries to be a model
 */
export async function listFolder(folder: string): Promise<string[]> {
  const files: string[] = [];
  let entries = 0;
  const walk = async (prefix: string, depth: number): Promise<void> => {
    for (const entry of await readEntries(join(folder, prefix))) {
      if (++entries > MAX_ENTRIES) throw tooManyFiles(folder);
      const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      if (entry.name.startsWith(".") || !isSafeFileName(name)) continue;
      if (entry.isDirectory() && depth < MAX_DEPTH) await walk(name, depth + 1);
      else if (entry.isFile() || (entry.isSymbolicLink() && (await isRegularFile(join(folder, name)))))
        files.push(name);
    }
  };
  await walk("", 1);
  return files.sort();
}

async function readEntries(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new PgVectorDBError("model_invalid", `The folder ${folder} cannot be read. Check its permissions.`, {
      cause,
    });
  }
}

export async function isRegularFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    // A broken link is no file.
    return false;
  }
}

export function unsafeName(file: unknown): PgVectorDBError {
  return new PgVectorDBError(
    "invalid_argument",
    `\`file\` must be a path inside the model, with "/" between its parts, not ${printableName(file)}.`,
  );
}

/** A few of a model's files, for a message. */
export function sampleOf(files: readonly string[]): string {
  if (files.length === 0) return "no files at all";
  const rest = files.length > 12 ? ` and ${files.length - 12} more` : "";
  return `${files.slice(0, 12).map(printableName).join(", ")}${rest}`;
}

async function checkFolder(folder: string): Promise<void> {
  let isDirectory: boolean;
  try {
    isDirectory = (await stat(folder)).isDirectory();
  } catch (cause) {
    throw new PgVectorDBError(
      "model_not_found",
      `There is no model folder ${folder} that can be read. It should hold \`config.json\`, \`tokenizer.json\` and the weights. For a model of the Hugging Face hub write its id, such as "cross-encoder/ms-marco-MiniLM-L-6-v2".`,
      { cause },
    );
  }
  if (!isDirectory) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`model\` must be a folder, but ${folder} is a file: pass its folder.`,
    );
  }
}

/** A link could make the loader read any file of the machine, and parts of it could then show in an error. */
async function insidePath(folder: string, file: string): Promise<string> {
  const path = join(folder, file);
  let target: string;
  try {
    target = await realpath(path);
  } catch (cause) {
    throw new PgVectorDBError("model_not_found", `${path} was there a moment ago and cannot be read now.`, { cause });
  }
  const home = await linkHome(folder);
  if (!target.startsWith(home.endsWith(sep) ? home : home + sep)) {
    throw new PgVectorDBError(
      "model_invalid",
      `${path} is a link to a file outside of the model's folder, which is not followed. Put the file itself there, or pass the folder that holds it.`,
    );
  }
  return path;
}

/** Links may lead anywhere below this folder: the model's own, or for a snapshot of the Hugging Face cache that cache. */
async function linkHome(folder: string): Promise<string> {
  const real = await realpath(folder);
  const repository = dirname(dirname(real));
  const isSnapshot = basename(dirname(real)) === "snapshots" && basename(repository).startsWith("models--");
  return isSnapshot ? dirname(repository) : real;
}

function missingFile(folder: string, file: string, files: readonly string[]): PgVectorDBError {
  return new PgVectorDBError(
    "model_not_found",
    `The model folder ${folder} has no file ${printableName(file)}. It has ${sampleOf(files)}.`,
  );
}

function tooManyFiles(folder: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `${folder} holds more than ${MAX_ENTRIES} files, so it is not the folder of one model. Pass the folder that holds its \`config.json\`.`,
  );
}
