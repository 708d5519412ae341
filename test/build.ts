import { execFileSync } from "node:child_process";

/** Compiles `src/` to `dist/`: worker threads and command-line tests run what users run. */
export default function build(): void {
  execFileSync("npm", ["run", "--silent", "build"], { stdio: "inherit", shell: process.platform === "win32" });
}
