import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { COHERE_KEY, cohere } from "../../test/imitation-services/cohere.ts";
import { type ImitationService, startImitation } from "../../test/imitation-services/imitation-service.ts";
import { main } from "./main.ts";

let service: ImitationService;
let folder: string;

beforeAll(async () => {
  service = await startImitation(cohere);
  folder = await mkdtemp(join(tmpdir(), "rerank-command-"));
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});
afterEach(() => vi.unstubAllEnvs());

async function run(args: string[], input = "") {
  const written = { stdout: "", stderr: "" };
  const into = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const io = { stdout: into("stdout"), stderr: into("stderr"), stdin: Readable.from([input]), env: {}, cwd: folder };
  const exitCode = await main(["rerank", ...args], io);
  return { exitCode, ...written };
}

describe("pgvectordb rerank", () => {
  const onCohere = () => ["--backend", "cohere", "--base-url", `${service.url}/v2`];
  const LINES = [
    '{"id":7,"content":"a red dress"}',
    '"a warm jacket"',
    "",
    "plain warm socks\r",
    '\ufeff{"content":"x"}',
  ];

  it("ranks the lines of a file, and prints them best first", async () => {
    vi.stubEnv("COHERE_API_KEY", COHERE_KEY);
    await writeFile(join(folder, "docs.jsonl"), LINES.join("\n"));
    const { exitCode, stdout, stderr } = await run([
      "warm jacket",
      ...onCohere(),
      "--file",
      "docs.jsonl",
      "--top-k",
      "2",
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/^0\.9\d+ {2}a warm jacket\n0\.4\d+ {2}plain warm socks\n$/);
  });

  it("prints one JSON object, from standard input", async () => {
    vi.stubEnv("COHERE_API_KEY", COHERE_KEY);
    const { exitCode, stdout } = await run(
      ["red dress", ...onCohere(), "--json", "--threshold", "0.5"],
      LINES.join("\n"),
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      documents: [{ id: 7, content: "a red dress", index: 0 }],
      reranked: true,
      backend: "cohere",
      usage: { documents: 4, calls: 1, searchUnits: 1 },
    });
  });

  it("ranks by the fields it is told", async () => {
    vi.stubEnv("COHERE_API_KEY", COHERE_KEY);
    const { stdout } = await run(
      ["q", ...onCohere(), "--field", "title", "--field", "body"],
      '{"title":"T","body":"B"}',
    );
    expect(stdout).toMatch(/ {2}T · B\n$/);
    expect(service.requests.at(-1)?.body).toMatchObject({ documents: ["title: T\nbody: B\n"] });
  });

  it("says in one line what to set when there is no key", async () => {
    vi.stubEnv("COHERE_API_KEY", undefined);
    expect(await run(["query", "--backend", "cohere"], "text")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "Cohere needs an API key: set COHERE_API_KEY in the environment, or pass `apiKey`.\n",
    });
  });

  it.each([
    [[], /expected one query/],
    [["two", "words"], /quote it/],
    [["q", "--backend", "nobody"], /Unknown `backend`.*cohere/],
    [["q", "--tok-k", "3"], /--tok-k/],
    [["q", "--top-k", "many"], /--top-k must be a number/],
    [["q", "--top-k", "0", "--backend", "cohere"], /`topK`/],
    [["q", "--backend", "tei"], /`baseUrl` is needed/],
    [["q", "--backend", "tei", "--base-url", "http://localhost", "--model", "m"], /`model`/],
    [["q", "--backend", "cohere", "--file", "/nowhere/docs.jsonl"], /Cannot read \/nowhere\/docs\.jsonl \(ENOENT\)/],
  ])("refuses %j with exit code 2", async (args, message) => {
    const { exitCode, stderr, stdout } = await run(args, "text");
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  it("names the line that is not JSON, and not what stands in it", async () => {
    const { stderr } = await run(["q", "--backend", "cohere"], 'fine\n{"content": "Kanarie');
    expect(stderr).toBe("Line 2 begins like JSON but is not.\n");
  });

  it("explains itself", async () => {
    expect((await run(["--help"])).stdout).toMatch(/Usage: pgvectordb rerank/);
  });
});
