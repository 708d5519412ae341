// Builds the native engine, one addon for each kind of vectors, in dist/native/. README.md says what it is; without it local models run on ONNX Runtime alone, so a machine that
// cannot build it gets one line and no failure, unless `--require` is given. `--compiler g++` (or `clang++`, `zig`) takes no other.
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "native");
const work = join(root, "build", "native");
const target = join(root, "dist", "native");

const addons = [
  { vectors: "avx512-bf16", kernels: "avx512Bf16" },
  { vectors: "avx512-vnni", kernels: "avx512Vnni" },
  { vectors: "avx2-vnni", kernels: "avx2Vnni" },
  { vectors: "avx2", kernels: "avx2" },
].map((addon) => ({ ...addon, file: `linux-x64-${addon.vectors}.node` }));

// `-ffp-contract=off`: a compiler that fuses a product and a sum in one block size and not in another makes a score depend on its neighbours.
const common = [
  ..."-std=c++17 -O3 -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden -fno-strict-aliasing -ffp-contract=off -fno-math-errno".split(
    " ",
  ),
  ..."-Wall -Wextra -Werror -DNAPI_VERSION=8".split(" "),
];
const linkCommon = ["-shared", "-s", "-Wl,--gc-sections"];
// The addon itself runs anywhere, to say whether the kernels do. What the kernels' flags allow is what processor.h asks for; no compiler uses tiles of itself.
const units = [
  { file: "kernels/engine.cpp", isKernels: true },
  { file: "kernels/pruned-engine.cpp", isKernels: true },
  { file: "kernels/modernbert-engine.cpp", isKernels: true },
  { file: "shared-weights.cpp", isKernels: false },
  { file: "addon.cpp", isKernels: false },
];
const zigFlags = {
  common: ["-target", "x86_64-linux-gnu.2.28", "-fno-sanitize=all"],
  any: ["-mcpu=x86_64"],
  avx2: ["-mcpu=x86_64_v3"],
  "avx2-vnni": ["-mcpu=x86_64_v3+avxvnni"],
  "avx512-vnni": ["-mcpu=x86_64_v4+avx512vnni", "-mprefer-vector-width=512"],
  "avx512-bf16": ["-mcpu=x86_64_v4+avx512vnni+avx512bf16+amx_tile+amx_int8+amx_bf16", "-mprefer-vector-width=512"],
  link: ["-nostdlib++"],
};
const avx512Vnni = ["-march=x86-64-v4", "-mavx512vnni", "-mprefer-vector-width=512"];
const clangFlags = {
  common: [],
  any: ["-march=x86-64"],
  avx2: ["-march=x86-64-v3"],
  "avx2-vnni": ["-march=x86-64-v3", "-mavxvnni"],
  "avx512-vnni": avx512Vnni,
  "avx512-bf16": [...avx512Vnni, "-mavx512bf16", "-mamx-tile", "-mamx-int8", "-mamx-bf16"],
  link: ["-static-libgcc", "-Wl,--as-needed"],
};
// g++ warns of its own header of intrinsics (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105593).
const gccQuiet = ["-Wno-maybe-uninitialized", "-Wno-uninitialized"];
const gccFlags = {
  ...clangFlags,
  ...Object.fromEntries(addons.map(({ vectors }) => [vectors, [...clangFlags[vectors], ...gccQuiet]])),
};
const pinnedZig = join(work, "ziglang", "ziglang", "zig");

/** The trimmed output of a command, or undefined where it is not there or fails. */
function output(command, args, options = {}) {
  const result = spawnSync(command, args, {
    encoding: "utf8",
    timeout: 300_000,
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

function zigAt(path, version = path && output(path, ["version"])) {
  return version ? { name: `zig ${version}`, command: [path, "c++"], flags: zigFlags } : undefined;
}

function zigOfPython() {
  const path = output("python3", [
    "-c",
    "import ziglang, os; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))",
  ]);
  return path ? zigAt(path) : undefined;
}

/** The wheel whose hash native/ziglang.txt pins, in a folder that git ignores. Where it cannot be had, that is remembered: without a network each build would wait for it. */
function installZig() {
  const refused = join(work, "ziglang-refused");
  if (existsSync(refused) || output("python3", ["-m", "pip", "--version"]) === undefined) return undefined;
  const partial = join(work, `ziglang-${process.pid}`);
  const pip =
    "-m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes --retries 1".split(
      " ",
    );
  const installed = output("python3", [...pip, "--target", partial, "--requirement", join(source, "ziglang.txt")]);
  if (installed === undefined) writeFileSync(refused, "Delete this file to have pip try again.\n");
  else if (!existsSync(pinnedZig)) renameSync(partial, join(work, "ziglang"));
  rmSync(partial, { recursive: true, force: true });
  return zigAt(pinnedZig);
}

function driver(command, flags, pattern, least) {
  const version = output(command, ["--version"])?.split("\n")[0];
  const major = Number(version?.match(pattern)?.[1]);
  return major >= least ? { name: version, command: [command], flags } : undefined;
}

/** In the order in which they are tried; each is looked for only when those before it are not there, or failed. */
const compilers = [
  { kind: "zig", find: () => zigAt("zig") },
  { kind: "zig", find: () => (existsSync(pinnedZig) ? zigAt(pinnedZig) : undefined) },
  { kind: "zig", find: zigOfPython },
  { kind: "zig", find: installZig },
  { kind: "clang++", find: () => driver("clang++", clangFlags, /version (\d+)/, 15) },
  { kind: "g++", find: () => driver("g++", gccFlags, /(\d+)\.\d+\.\d+/, 11) },
];

const { values: options } = parseArgs({ options: { require: { type: "boolean" }, compiler: { type: "string" } } });

function hashOf(compiler, headers) {
  const hash = createHash("sha256");
  const files = readdirSync(source, { recursive: true })
    .filter((name) => /\.(h|cpp)$/.test(name))
    .sort();
  for (const name of files)
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(source, name)))
      .update("\0");
  hash.update(JSON.stringify([compiler.name, compiler.flags, common, linkCommon, addons, units, headers.version]));
  return hash.digest("hex").slice(0, 16);
}

/** Does as many at once as there are processors, and after a failure only those that it has begun. */
async function doInParallel(tasks) {
  const left = [...tasks];
  const failures = [];
  const work = async () => {
    while (left.length > 0) await left.shift()().catch(fail);
  };
  const fail = (error) => {
    failures.push(error);
    left.length = 0;
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failures.length > 0) throw failures[0];
}

/** Compiles all addons into `folder`, or says what failed. */
async function compile(compiler, headers, folder) {
  const [command, ...first] = compiler.command;
  const environment = {
    ...process.env,
    ZIG_GLOBAL_CACHE_DIR: join(work, "zig-cache"),
    ZIG_LOCAL_CACHE_DIR: join(work, "zig-cache"),
  };
  const call = async (args) => {
    try {
      await promisify(execFile)(command, [...first, ...compiler.flags.common, ...args], {
        timeout: 600_000,
        env: environment,
      });
    } catch (error) {
      throw new Error(`${compiler.name}: ${error.stderr?.trim() || error.message}`);
    }
  };
  const objectOf = ({ vectors }, { file }) => join(folder, `${basename(file, ".cpp")}-${vectors}.o`);
  const flagsOf = ({ vectors, kernels }, { isKernels }) =>
    isKernels ? compiler.flags[vectors] : [...compiler.flags.any, `-DKERNELS_FOR=${kernels}`];
  const compileUnit = (addon, unit) => {
    const [flags, object] = [flagsOf(addon, unit), objectOf(addon, unit)];
    return call([...common, ...flags, "-isystem", headers.folder, "-c", join(source, unit.file), "-o", object]);
  };
  await doInParallel(units.flatMap((unit) => addons.map((addon) => () => compileUnit(addon, unit))));
  for (const addon of addons) {
    const file = join(folder, addon.file);
    const objects = units.map((unit) => objectOf(addon, unit));
    await call([...linkCommon, ...compiler.flags.link, ...objects, "-o", file]);
    // In a process of its own: what cannot be loaded must not be shipped, and may not end this one.
    const code = "process.exit(require(process.argv[1]).vectors === process.argv[2] ? 0 : 1)";
    const loads = spawnSync(process.execPath, ["-e", code, file, addon.vectors]);
    if (loads.status !== 0) throw new Error(`${compiler.name}: Node.js cannot load what it made`);
  }
}

async function buildWith(compiler, headers) {
  const cache = join(work, hashOf(compiler, headers));
  if (!addons.every(({ file }) => existsSync(join(cache, file)))) {
    const folder = join(work, `compile-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    try {
      await compile(compiler, headers, folder);
      mkdirSync(cache, { recursive: true });
      for (const { file } of addons) renameSync(join(folder, file), join(cache, file));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  mkdirSync(target, { recursive: true });
  for (const { file } of addons) {
    // Replaced and not written over: a process may have the file mapped.
    const partial = join(target, `${file}.${process.pid}`);
    copyFileSync(join(cache, file), partial);
    renameSync(partial, join(target, file));
  }
}

function findHeaders() {
  try {
    const manifest = createRequire(import.meta.url).resolve("node-api-headers/package.json");
    return { folder: join(manifest, "..", "include"), version: JSON.parse(readFileSync(manifest, "utf8")).version };
  } catch {
    return undefined;
  }
}

/** Builds, or returns why it cannot be done. */
async function build() {
  if (process.report) process.report.excludeNetwork = true; // which it would look up names for
  const isGlibc = Boolean(process.report?.getReport().header.glibcVersionRuntime);
  if (process.platform !== "linux" || process.arch !== "x64" || !isGlibc)
    return `${process.platform}-${process.arch} is not Linux x64 with glibc`;
  const headers = findHeaders();
  if (!headers) return "the development package node-api-headers is not installed";
  mkdirSync(work, { recursive: true });
  const failures = [];
  for (const { kind, find } of compilers) {
    const compiler = kind === (options.compiler ?? kind) ? find() : undefined;
    if (!compiler) continue;
    try {
      await buildWith(compiler, headers);
      return undefined;
    } catch (error) {
      failures.push(error.message);
    }
  }
  if (failures.length > 0) return failures.map((failure) => failure.split("\n")[0]).join("; ");
  if (options.compiler) return `no ${options.compiler} that can build it`;
  return "no zig, no clang++ 15, no g++ 11, and no pip that could install zig";
}

const reason = await build();
if (reason !== undefined) {
  process.stderr.write(
    `${options.require ? "The native engine cannot be built" : "Built without the native engine (local models run on ONNX Runtime)"}: ${reason}.\n`,
  );
  if (options.require) process.exitCode = 1;
}
