import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectMarkdown } from "./collect-markdown.ts";

let root: string;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "pgvectordb-markdown-"));
  write("README.md", "# Own");
  write("CHANGELOG.md", "# 1.0");
  write("docs/guide/start.md", "# Start");
  write("src/notes.md", "not documentation");
  write("node_modules/plain/README.md", "# Plain");
  write("node_modules/plain/LICENSE.md", "legal");
  write("node_modules/plain/docs/api.markdown", "# API");
  write("node_modules/plain/node_modules/nested/readme.md", "# Nested");
  write("node_modules/@scope/twin/README.md", "# Plain");
  write("node_modules/@scope/other/README.md", "# Other\0");
  write("node_modules/empty/README.md", " \n");
  write("node_modules/huge/README.md", "x".repeat(1_000_001));
  write("node_modules/.bin/README.md", "tools");
  symlinkSync(root, join(root, "node_modules", "loop"));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("collectMarkdown", () => {
  it("finds own and packages' documentation, each text once, in path order", async () => {
    expect(await collectMarkdown(root)).toEqual([
      { path: "README.md", text: "# Own" },
      { path: "docs/guide/start.md", text: "# Start" },
      { path: "node_modules/@scope/other/README.md", packageName: "@scope/other", text: "# Other" },
      { path: "node_modules/@scope/twin/README.md", packageName: "@scope/twin", text: "# Plain" },
      { path: "node_modules/plain/docs/api.markdown", packageName: "plain", text: "# API" },
      { path: "node_modules/plain/node_modules/nested/readme.md", packageName: "nested", text: "# Nested" },
    ]);
  });

  it("finds nothing in a folder that is not there", async () => {
    expect(await collectMarkdown(join(root, "nowhere"))).toEqual([]);
  });

  it("stops when it is told to", async () => {
    await expect(collectMarkdown(root, AbortSignal.abort())).rejects.toThrow(/abort/i);
  });
});
