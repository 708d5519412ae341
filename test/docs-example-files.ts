import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface DocsExample {
  readonly name: string;
  readonly code: string;
  /**
   * What comes after ` ```ts `: nothing, and it runs with every test; `server`, and it runs with the tests on a server, which
   * `DATABASE_URL` names; `no-run`, and it is compiled only: it needs a network, a key or a machine of its own.
   */
  readonly kind: "run" | "server" | "no-run";
}

/** Every example of the README and of `docs/`. */
export function listExamples(): DocsExample[] {
  const docs = readdirSync(join(ROOT, "docs")).filter((file) => file.endsWith(".md"));
  return ["README.md", ...docs.map((file) => join("docs", file))].flatMap((file) => {
    const text = readFileSync(join(ROOT, file), "utf8");
    const page = file.replaceAll(/[^a-z]+/gi, "-").replace(/-md$/, "");
    return [...text.matchAll(/^```ts(?: (no-run|server))?\n(.*?)^```$/gms)].map(([, mark, code = ""], index) => ({
      name: `${page}-${index + 1}`,
      code,
      kind: mark === "server" || mark === "no-run" ? mark : "run",
    }));
  });
}

/** The examples compiled in a folder of this checkout, so that `import "pgvectordb"` means this package, by its own `exports`. */
export class CompiledExamples {
  readonly #folder: string;

  constructor(name: string) {
    this.#folder = join(ROOT, "build", name);
  }

  compile(examples: readonly DocsExample[]): void {
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
    for (const { name, code } of examples) writeFileSync(join(this.#folder, `${name}.ts`), `${code}\nexport {};\n`);
    writeFileSync(
      join(this.#folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../../tsconfig.json",
        compilerOptions: { noEmit: false, outDir: ".", rootDir: ".", paths: {} },
        include: ["*.ts"],
        exclude: [],
      }),
    );
    const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", this.#folder], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  }

  /** Runs one in an empty folder of its own. */
  run({ name }: DocsExample, env: Readonly<Record<string, string>> = {}): void {
    const folder = mkdtempSync(join(tmpdir(), "pgvectordb-example-"));
    try {
      const { status, stderr } = spawnSync(process.execPath, [join(this.#folder, `${name}.js`)], {
        cwd: folder,
        encoding: "utf8",
        timeout: 50_000,
        env: { ...process.env, ...env },
      });
      expect(stderr).toBe("");
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
