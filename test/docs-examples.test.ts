import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
// Inside the checkout, so that `import "pgvectordb"` means this package, by its own `exports`.
const BUILD = join(ROOT, "build", "docs-examples");

interface Example {
  readonly name: string;
  readonly code: string;
  /** ` ```ts no-run ` is compiled only: it needs a network, a key or a server. */
  readonly isRun: boolean;
}

const examples = listExamples();

describe("the documentation's examples", () => {
  beforeAll(() => {
    rmSync(BUILD, { recursive: true, force: true });
    mkdirSync(BUILD, { recursive: true });
    for (const { name, code } of examples) writeFileSync(join(BUILD, `${name}.ts`), `${code}\nexport {};\n`);
    writeFileSync(
      join(BUILD, "tsconfig.json"),
      JSON.stringify({
        extends: "../../tsconfig.json",
        compilerOptions: { noEmit: false, outDir: ".", rootDir: ".", paths: {} },
        include: ["*.ts"],
        exclude: [],
      }),
    );
    const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", BUILD], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });

  afterAll(() => rmSync(BUILD, { recursive: true, force: true }));

  it("are there", () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  it.each(examples.filter(({ isRun }) => isRun))("$name runs", ({ name }) => {
    const folder = mkdtempSync(join(tmpdir(), "pgvectordb-example-"));
    try {
      const { status, stderr } = spawnSync(process.execPath, [join(BUILD, `${name}.js`)], {
        cwd: folder,
        encoding: "utf8",
        timeout: 50_000,
      });
      expect(stderr).toBe("");
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function listExamples(): Example[] {
  const docs = readdirSync(join(ROOT, "docs")).filter((file) => file.endsWith(".md"));
  return ["README.md", ...docs.map((file) => join("docs", file))].flatMap((file) => {
    const text = readFileSync(join(ROOT, file), "utf8");
    const page = file.replaceAll(/[^a-z]+/gi, "-").replace(/-md$/, "");
    return [...text.matchAll(/^```ts( no-run)?\n(.*?)^```$/gms)].map(([, noRun, code = ""], index) => ({
      name: `${page}-${index + 1}`,
      code,
      isRun: noRun === undefined,
    }));
  });
}
