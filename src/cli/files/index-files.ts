import type { Collection } from "../../collection.ts";
import type { AddProgress, DocumentInput } from "../../contracts/collection.ts";
import { PgVectorDBError } from "../../errors.ts";
import { checkId } from "../../ingest/normalize-document.ts";
import { normalizeMetadata } from "../../ingest/normalize-metadata.ts";
import type { FoundFile, SkippedFile } from "./find-files.ts";
import { type PassageMetadata, toPassages } from "./passage-source.ts";
import { readFileItems } from "./read-file.ts";
import type { RecordFields } from "./source-record.ts";

export interface IndexFilesOptions extends RecordFields {
  readonly maxCharacters: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when a file is read. */
  readonly onFile?: ((done: number) => void) | undefined;
  /** Called when passages are stored, or were stored already: how many so far. */
  readonly onPassages?: ((done: number) => void) | undefined;
}

export interface IndexedFiles {
  readonly written: AddProgress;
  readonly skipped: readonly SkippedFile[];
  /** Every passage that the files hold. */
  readonly ids: ReadonlySet<string>;
  /** Names of the files that were read to their end, every record of them. */
  readonly complete: ReadonlySet<string>;
}

/** Records that are told of by name before they are only counted. */
const NAMED_RECORDS = 5;

/** Reads the files one after the other, splits them and adds their passages. What cannot be read is left out and named. */
export async function indexFiles(
  collection: Collection<PassageMetadata>,
  files: readonly FoundFile[],
  options: IndexFilesOptions,
): Promise<IndexedFiles> {
  const skipped: SkippedFile[] = [];
  const ids = new Set<string>();
  const complete = new Set<string>();

  async function* passages(): AsyncGenerator<DocumentInput<PassageMetadata>, void, undefined> {
    for (const [position, file] of files.entries()) {
      const problems: SkippedFile[] = [];
      yield* passagesOf(file, options, ids, problems);
      if (problems.length === 0) complete.add(file.name);
      skipped.push(...problems.slice(0, NAMED_RECORDS));
      if (problems.length > NAMED_RECORDS) {
        skipped.push({ name: file.name, reason: `${problems.length - NAMED_RECORDS} more records cannot be read` });
      }
      options.onFile?.(position + 1);
    }
  }
  const onProgress = ({ documents }: AddProgress) => options.onPassages?.(documents);
  const written = await collection.addDocuments(passages(), { signal: options.signal, onProgress });
  return { written, skipped, ids, complete };
}

async function* passagesOf(
  { path, name }: FoundFile,
  { maxCharacters, content, id }: IndexFilesOptions,
  ids: Set<string>,
  problems: SkippedFile[],
): AsyncGenerator<DocumentInput<PassageMetadata>, void, undefined> {
  try {
    for await (const item of readFileItems(path, { content, id })) {
      if ("problem" in item) {
        problems.push({ name: `${name}:${item.line}`, reason: item.problem });
        continue;
      }
      const passages = toPassages(name, item, maxCharacters);
      const problem = problemOf(passages);
      if (problem !== undefined) problems.push({ name: `${name}: ${item.document ?? "text"}`, reason: problem });
      else yield* passages;
      for (const passage of passages) ids.add(passage.id ?? "");
    }
  } catch (error) {
    problems.push({ name, reason: reasonOf(error) });
  }
}

/** What the collection would refuse a whole batch for. */
function problemOf(passages: readonly Exclude<DocumentInput<PassageMetadata>, string>[]): string | undefined {
  try {
    for (const { id, metadata } of passages) {
      checkId("id", id);
      normalizeMetadata("metadata", metadata);
    }
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof PgVectorDBError && error.code === "invalid_argument") return error.message;
  const { code } = error as NodeJS.ErrnoException;
  // What is neither ours nor the file system's is a fault of this program, and is not hidden.
  if (typeof code !== "string") throw error;
  return `cannot be read (${code})`;
}
