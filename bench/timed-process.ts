import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";

export interface TimedRun {
  readonly ms: number;
  /** `scores[i]` belongs to the request's `texts[i]`. */
  readonly scores: readonly number[];
}

/** A process that has loaded a model and answers one request at a time, each timed inside it. */
export class TimedProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #stderr = "";
  /** What it says of itself. */
  description = "";

  static async start(command: string, args: readonly string[], environment = {}): Promise<TimedProcess> {
    const started = new TimedProcess(command, args, environment);
    const { ready } = (await started.#answer()) as { ready: string };
    started.description = ready;
    return started;
  }

  private constructor(command: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...environment } });
    this.#child.stderr.on("data", (chunk) => {
      this.#stderr = `${this.#stderr}${chunk}`.slice(-2000);
    });
    // What cannot be started ends its output without a line, and that is what is reported.
    this.#child.on("error", (error) => {
      this.#stderr += error.message;
    });
    this.#reader = createInterface(this.#child.stdout);
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async run(request: string): Promise<TimedRun> {
    this.#child.stdin.write(`${request}\n`);
    return (await this.#answer()) as TimedRun;
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    this.#reader.close();
    if (this.#child.exitCode === null) await new Promise((resolve) => this.#child.once("exit", resolve));
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`it ended: ${lastError(this.#stderr)}`);
    return JSON.parse(value);
  }
}

/** The line that says what went wrong: Node's and Python's come before or after a trace. */
export function lastError(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return (lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "").trim().slice(0, 300);
}
