import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly threads: number;
  readonly memoryGb: number;
  /** Other work on the machine when the bench began. */
  readonly loadAverage: number;
  readonly platform: string;
  readonly node: string;
  readonly pgvectordb: string;
  readonly packages: Readonly<Record<string, string>>;
}

/** What a figure must be read with. */
export function describeMachine(packages: readonly string[]): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    threads: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    loadAverage: Number(loadavg()[0]?.toFixed(2)),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    pgvectordb: versionOf("../../package.json"),
    packages: Object.fromEntries(packages.map((name) => [name, versionOf(`../../node_modules/${name}/package.json`)])),
  };
}

export function printMachine(machine: Machine): void {
  const packages = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  console.log(`${machine.cpu}, ${machine.threads} threads, ${machine.memoryGb} GB, ${machine.platform}`);
  console.log(`load average ${machine.loadAverage} at the start; figures of a busy machine are not to be trusted`);
  console.log([`pgvectordb ${machine.pgvectordb}`, `Node ${machine.node}`, ...packages].join(", "));
}

function versionOf(path: string): string {
  try {
    const resolved = createRequire(import.meta.url).resolve(path);
    return (JSON.parse(readFileSync(resolved, "utf8")) as { version: string }).version;
  } catch {
    return "not installed";
  }
}
