import { PgVectorDBError } from "../errors.ts";
import type { Command, CommandIO } from "./command-io.ts";

interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  index: {
    summary: "read files and folders into a collection",
    load: async () => (await import("./index-command.ts")).indexCommand,
  },
  search: {
    summary: "ask a collection, and rerank",
    load: async () => (await import("./search-command.ts")).searchCommand,
  },
  stats: {
    summary: "what the collections of a database hold and take",
    load: async () => (await import("./stats-command.ts")).statsCommand,
  },
  eval: {
    summary: "measure first stages and rerankers on judged queries",
    load: async () => (await import("./eval-command.ts")).evalCommand,
  },
  demo: {
    summary: "index the Markdown of this folder and its packages, search it and rerank",
    load: async () => (await import("./demo-command.ts")).demoCommand,
  },
  models: {
    summary: "show, download and compile local models",
    load: async () => (await import("./models-command.ts")).modelsCommand,
  },
  rerank: {
    summary: "order documents from a file or a pipe by relevance to a query, with any backend",
    load: async () => (await import("./rerank-command.ts")).rerankCommand,
  },
};

/** Runs the command line `pgvectordb …`. Never throws, never exits. @returns the exit code */
export async function main(argv: readonly string[], io: CommandIO): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    io.stdout.write(helpText());
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) {
    io.stderr.write(`Unknown command. Known: ${Object.keys(COMMANDS).join(", ")}.\n`);
    return 2;
  }
  try {
    const command = await entry.load();
    return await command(rest, io);
  } catch (error) {
    return reportFailure(error, io);
  }
}

function reportFailure(error: unknown, io: CommandIO): number {
  if (io.signal?.aborted) {
    io.stderr.write("Interrupted. What was written is kept; run the command again to go on.\n");
    return 130;
  }
  if (error instanceof PgVectorDBError) {
    io.stderr.write(`${error.message}\n`);
    return error.code === "invalid_argument" ? 2 : 1;
  }
  if (isUsageError(error)) {
    io.stderr.write(`${error.message}\n`);
    return 2;
  }
  io.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}

/** What `parseArgs` of node:util throws for options it does not know. */
function isUsageError(error: unknown): error is TypeError {
  return error instanceof TypeError && String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
}

function helpText(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: pgvectordb <command> [options]\n\n${lines.join("\n")}\n\npgvectordb <command> --help tells a command's options.\n`;
}
