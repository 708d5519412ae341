import { parseArgs } from "node:util";
import type { CollectionOptions } from "../contracts/collection.ts";
import { EXIT_CODES_HELP, numberOption, wrongUsage } from "./command-arguments.ts";
import type { CommandIO } from "./command-io.ts";
import { type FoundFiles, findFiles, type SkippedFile } from "./files/find-files.ts";
import { indexFiles } from "./files/index-files.ts";
import type { PassageMetadata } from "./files/passage-source.ts";
import { removeStale } from "./files/remove-stale.ts";
import { openCollection, openStore, STORE_HELP, STORE_OPTIONS } from "./open-store.ts";
import { createProgressBar } from "./progress-bar.ts";
import { parseSpaces, SPACE_DECLARATION_HELP } from "./space-arguments.ts";

const HELP = `Usage: pgvectordb index <paths…> [options]

Reads files and folders (.txt .md .html .jsonl .csv), splits long texts into passages and makes the index hold what the files
hold: what is stored already is skipped, what a file no longer has is removed. Run it again after a change or an interruption.

${STORE_HELP}  --prune               also remove the passages of files that are no longer below the given paths
  --max-characters <n>  longest passage (default 1000)
  --content <field>     .jsonl, .csv: the field that is the text, may be repeated (default "content", else "text"; a .csv
                        without them is taken as a whole)
  --id <field>          .jsonl, .csv: the field that names a record (default "id", else "_id", else its number)
  --language <name>     of a new collection, for keyword search (default "english")
  --storage <type>      of a new collection's vectors: float32 (default) or float16
${SPACE_DECLARATION_HELP}  --json                print the counts as JSON
  --help                print this
${EXIT_CODES_HELP}`;

const OPTIONS = {
  ...STORE_OPTIONS,
  prune: { type: "boolean", default: false },
  "max-characters": { type: "string" },
  content: { type: "string", multiple: true },
  id: { type: "string" },
  language: { type: "string" },
  storage: { type: "string" },
  space: { type: "string", multiple: true },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

const DEFAULT_MAX_CHARACTERS = 1000;
const SOME_SKIPPED = 3;

/** `pgvectordb index`: files into a collection. @throws PgVectorDBError, or what `parseArgs` throws */
export async function indexCommand(argv: readonly string[], io: CommandIO): Promise<number> {
  const { values, positionals: paths } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  if (paths.length === 0) throw wrongUsage("index", "expected files or folders");
  const maxCharacters = numberOption("index", "max-characters", values["max-characters"]) ?? DEFAULT_MAX_CHARACTERS;
  const spaces = parseSpaces(values.space);
  const found = await findFiles(paths, io.cwd, io.signal);
  if (found.files.length === 0) {
    report([...found.skipped, ...otherKinds(found)], io);
    throw wrongUsage("index", "nothing to read was found");
  }
  const result = await index(found, { ...values, maxCharacters, spaces }, io);
  report([...result.skipped, ...otherKinds(found)], io);
  const { skipped, ...counts } = result;
  if (values.json) io.stdout.write(`${JSON.stringify(result)}\n`);
  else io.stdout.write(summaryOf(counts));
  return skipped.length === 0 ? 0 : SOME_SKIPPED;
}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>["values"];

interface Settings extends Pick<CollectionOptions, "spaces"> {
  readonly maxCharacters: number;
}

async function index(found: FoundFiles, values: Values & Settings, io: CommandIO) {
  const { signal } = io;
  const { content, id, language, storage, spaces, maxCharacters, prune } = values;
  await using db = await openStore(values, io);
  // Whether there is such a language or storage is the library's to check.
  const settings = { language, storage: storage as CollectionOptions["storage"], spaces };
  await using opened = await openCollection<PassageMetadata>(db, values, io, settings);
  const { collection } = opened;
  const bar = createProgressBar("Indexing files", found.files.length, io.stderr);
  // One file may be long.
  let files = 0;
  let stored = 0;
  const show = () => bar.update(files, `, ${counted(stored, "passage")}`);
  const onFile = (done: number) => {
    files = done;
    show();
  };
  const onPassages = (done: number) => {
    stored = done;
    show();
  };
  const reading = { content, id, maxCharacters, signal, onFile, onPassages };
  const indexed = await indexFiles(collection, found.files, reading);
  bar.end();
  const removed = await removeStale(collection, {
    indexed,
    found: new Set(found.files.map(({ name }) => name)),
    pruned: prune ? found.roots : [],
    signal,
  });
  const { documents: passages, inserted, updated, metadataUpdated, unchanged } = indexed.written;
  const skipped = [...found.skipped, ...indexed.skipped];
  return { files: found.files.length, passages, inserted, updated, metadataUpdated, unchanged, removed, skipped };
}

function summaryOf(counts: Readonly<Record<string, number>>): string {
  const { files, passages, inserted, updated = 0, metadataUpdated = 0, unchanged, removed } = counts;
  return `${counted(files, "file")}, ${counted(passages, "passage")}: ${inserted} new, ${updated + metadataUpdated} changed, ${unchanged} unchanged, ${removed} removed\n`;
}

function counted(count = 0, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

function otherKinds({ otherKinds: kinds }: FoundFiles): SkippedFile[] {
  return [...kinds].map(([extension, count]) => ({
    name: extension === "" ? `${counted(count, "file")} without an extension` : counted(count, `${extension} file`),
    reason: "of a kind that is not read",
  }));
}

function report(skipped: readonly SkippedFile[], io: CommandIO): void {
  for (const { name, reason } of skipped) io.stderr.write(`Skipped ${name}: ${reason}\n`);
}
