// Installs what the bench compares with: node bench/peers/install.mjs [python3]
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const [python = "python3"] = process.argv.slice(2);
const cwd = fileURLToPath(new URL(".", import.meta.url));
const run = (command, ...args) => execFileSync(command, args, { cwd, stdio: "inherit" });
const installed = process.platform === "win32" ? ".venv/Scripts/python" : ".venv/bin/python";

run(python, "-m", "venv", ".venv");
// The processors' build of PyTorch: the usual one brings gigabytes of libraries for graphics cards.
const processors = "https://download.pytorch.org/whl/cpu";
const index = process.platform === "linux" && (await answers(processors)) ? ["--extra-index-url", processors] : [];
run(installed, "-m", "pip", "install", "--quiet", "--requirement", "requirements.txt", ...index);
run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock");

/** Asked once beforehand: pip retries an index that it cannot reach for every requirement, minutes in all. */
async function answers(url) {
  try {
    return (await fetch(`${url}/`, { method: "HEAD", signal: AbortSignal.timeout(10_000) })).ok;
  } catch {
    console.warn(`${url} cannot be reached: PyTorch is installed from pip's own index.`);
    return false;
  }
}
