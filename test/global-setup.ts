import { execFileSync } from "node:child_process";

/** Compiles `src/` to `dist/`: worker threads and command-line tests run what users run. */
export function setup(): void {
  execFileSync("npm", ["run", "--silent", "build"], { stdio: "inherit", shell: process.platform === "win32" });
}

/** Says what did not run, and how to run it. */
export function teardown(): void {
  if (!process.env["PGVECTORDB_TEST_PYTHON"]) {
    console.log(
      "\nSkipped: reading and writing one model cache together with Python. Run it with PGVECTORDB_TEST_PYTHON=<a python that has huggingface_hub> npm test",
    );
  }
}
