// Preloaded into a measured process (`node --import`): leaves its peak resident memory in the file that the environment names.
import { writeFileSync } from "node:fs";

const target = process.env["PGVECTORDB_BENCH_MEMORY_FILE"];
if (target !== undefined) {
  // Kilobytes, worker threads included.
  process.on("exit", () => writeFileSync(target, String(process.resourceUsage().maxRSS)));
}
