/** What a command may touch: its streams, its environment and its folder. Tests pass their own. */
export interface CommandIO {
  /** Data, and nothing else. */
  readonly stdout: OutputStream;
  /** Notes, progress and errors. */
  readonly stderr: OutputStream;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths start from. */
  readonly cwd: string;
  /** Fires on Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
}

export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Runs one command. @returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted */
export type Command = (argv: readonly string[], io: CommandIO) => Promise<number>;
