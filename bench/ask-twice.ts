// Asks the demo twice in this process and prints what the second question took, in milliseconds.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

interface CommandLine {
  readonly main: (argv: readonly string[], io: object) => Promise<number>;
}

/** What this needs of the demo's JSON: everything but opening and indexing is the answer. */
interface DemoAnswer {
  readonly timings: Readonly<Record<string, number>>;
}

const { main }: CommandLine = await import(pathToFileURL(join(process.cwd(), "dist/cli/main.js")).href);

await ask();
const startedAt = performance.now();
const { openMs = 0, indexMs = 0, ...answer } = await ask();
const totalMs = performance.now() - startedAt;
const answerMs = Object.values(answer).reduce((sum, duration) => sum + duration, 0);
console.log(JSON.stringify({ totalMs, answerMs, openMs, indexMs }));

async function ask(): Promise<DemoAnswer["timings"]> {
  const written: string[] = [];
  const exitCode = await main(process.argv.slice(2), {
    stdout: { write: (text: string) => written.push(text) },
    stderr: { write: () => true },
    stdin: [],
    env: process.env,
    cwd: process.cwd(),
  });
  if (exitCode !== 0) throw new Error(`the demo ended with ${exitCode}`);
  return (JSON.parse(written.join("")) as DemoAnswer).timings;
}
