// Packs the package and checks it as a user meets it: linted, installed into an empty folder, with and without optional parts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MAX_PACKED_BYTES = 25_000_000;

const ENTRIES = ["pgvectordb", "pgvectordb/rerankers", "pgvectordb/embedders", "pgvectordb/evaluation"];

const RERANK = `
import { CrossEncoderReranker } from "pgvectordb/rerankers";
await using reranker = new CrossEncoderReranker({ model: "builtin" });
const [best] = await reranker.rerank("Where do I change my password?", [
  "The museum opens at nine on weekdays.",
  "To change your password, open the account settings.",
]);
if (!best?.content.startsWith("To change")) throw new Error("the built-in model ranked wrongly");
`;

const RERANK_WITHOUT_RUNTIME = `
import { CrossEncoderReranker, PgVectorDBError } from "pgvectordb/rerankers";
// Our own kernels, where they run, need no runtime.
process.env["PGVECTORDB_NATIVE"] = "off";
const reranker = new CrossEncoderReranker({ model: "builtin" });
const error = await reranker.rerank("query", ["document"]).then(() => undefined, (reason: unknown) => reason);
await reranker.close();
if (!(error instanceof PgVectorDBError) || error.code !== "missing_dependency" || !/npm install \\S+/.test(error.message)) {
  throw new Error("the missing part is not named", { cause: error });
}
process.stdout.write(error.message + "\\n");
`;

const work = mkdtempSync(join(tmpdir(), "pgvectordb-package-"));
const run = (command, args, cwd) =>
  execFileSync(command, args, {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    // The user's way to skip the runtime's GPU download, as docs/local-models.md says.
    env: { ...process.env, npm_config_onnxruntime_node_install: "skip" },
  });

try {
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", work], ROOT));
  const tarball = join(work, packed.filename);
  assert.ok(packed.size < MAX_PACKED_BYTES, `the package weighs ${packed.size} bytes`);
  const stray = packed.files.filter(({ path }) => /(\.test\.|\.suite\.|^src\/|^test\/|^training\/)/.test(path));
  assert.deepEqual(stray, [], "the package carries files that are not for its users");

  const paths = packed.files.map(({ path }) => path);
  assert.ok(paths.includes("dist/database/cluster.tar.br"), "the package lacks the cluster of new databases");
  const addons = paths.filter((path) => path.startsWith("dist/native/"));
  const all = ["avx2-vnni", "avx2", "avx512-bf16", "avx512-vnni"].map((kind) => `dist/native/linux-x64-${kind}.node`);
  // None where they could not be built.
  if (addons.length > 0) assert.deepEqual(addons.toSorted(), all, "the package carries other native addons");

  process.stdout.write(run("npx", ["--no-install", "publint", "--strict", tarball], ROOT));
  process.stdout.write(run("npx", ["--no-install", "attw", tarball, "--profile", "esm-only"], ROOT));

  const complete = install("complete", []);
  check(complete, "imports", ENTRIES.map((entry) => `import "${entry}";`).join("\n"));
  check(complete, "rerank", RERANK);
  run(join(complete, "node_modules", ".bin", "pgvectordb"), ["--help"], complete);

  const small = install("small", ["--omit=optional"]);
  check(small, "imports", ENTRIES.map((entry) => `import "${entry}";`).join("\n"));
  check(small, "without-runtime", RERANK_WITHOUT_RUNTIME);
  process.stdout.write(`The package (${packed.size} bytes packed) works as its users install it.\n`);

  function install(name, options) {
    const folder = join(work, name);
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
    run("npm", ["install", "--no-audit", "--no-fund", ...options, tarball], folder);
    return folder;
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Type-checks a program against the installed package with library checks on, then runs it. */
function check(folder, name, code) {
  writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {};\n`);
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules", "@types")];
  const options = ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,esnext.disposable"];
  run(process.execPath, [tsc, ...types, ...options, "--outDir", ".", `${name}.ts`], folder);
  process.stdout.write(run(process.execPath, [`${name}.js`], folder));
}
