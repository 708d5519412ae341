import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useImitationHub } from "../../test/imitation-hub/use-imitation-hub.ts";
import { fixtureModel } from "../inference/fixture-models.suite.ts";
import { main } from "./main.ts";

const BERT = fixtureModel("tiny-bert-cross-encoder");
const PARTS = {
  "config.json": "config.json",
  "tokenizer.json": "tokenizer.json",
  "tokenizer_config.json": "tokenizer_config.json",
  "model.safetensors": "checkpoint/model.safetensors",
};
const files: Record<string, string | Buffer> = { "README.md": "not needed" };
for (const [name, path] of Object.entries(PARTS)) files[name] = await readFile(join(BERT, path));

const context = useImitationHub(() => ({ repos: { "org/name": { main: files } } }));
beforeEach(() => {
  vi.stubEnv("HF_ENDPOINT", context.hub.endpoint);
  vi.stubEnv("HF_HUB_OFFLINE", "");
});
afterEach(() => vi.unstubAllEnvs());

async function run(...args: string[]) {
  const written = { stdout: "", stderr: "" };
  const into = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const io = {
    stdout: into("stdout"),
    stderr: into("stderr"),
    stdin: Readable.from([]),
    env: {},
    cwd: fixtureModel(""),
  };
  const exitCode = await main(["models", ...args, "--cache-dir", context.cacheDir], io);
  return { exitCode, ...written };
}

describe("pgvectordb models", () => {
  it("lists the built-in models, and those in the cache", async () => {
    const before = JSON.parse((await run("list", "--json")).stdout);
    expect(before).toMatchObject({ builtin: [{ id: "builtin" }, {}], cached: [], cacheDir: context.cacheDir });
    expect(before.builtin[0].bytes).toBeGreaterThan(1e6);
    await run("pull", "org/name");
    const { stdout, stderr, exitCode } = await run("list");
    expect(stdout).toMatch(/^builtin .*MB.*rerank[\s\S]*org\/name +0\.\d MB +safetensors +[0-9a-f]{12}/);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  it("tells of a model without fetching its weights", async () => {
    const { stdout, exitCode } = await run("info", "org/name", "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      id: "org/name",
      origin: "hub",
      task: "rerank",
      labels: ["LABEL_0"],
      use: { how: "compile", file: "model.safetensors", dtype: "fp32" },
      compiled: false,
    });
    expect(context.hub.requests.filter(({ url }) => url.includes("safetensors"))).toEqual([]);
  });

  it("pulls what loading needs and no more, data on stdout and progress on stderr", async () => {
    const { stdout, stderr, exitCode } = await run("pull", "org/name");
    expect(exitCode).toBe(0);
    expect(await readFile(stdout.trim())).toEqual(files["model.safetensors"]);
    expect(stderr).toMatch(/model\.safetensors \(kB\) \[#+\]/);
    expect(context.hub.requests.filter(({ url }) => url.includes("README"))).toEqual([]);
  });

  it("compiles, and knows that it did", async () => {
    const { stdout, stderr, exitCode } = await run("compile", "org/name", "--dtype", "int8", "--json");
    expect(exitCode).toBe(0);
    const { path, how, dtype } = JSON.parse(stdout);
    expect({ how, dtype }).toEqual({ how: "compile", dtype: "int8" });
    expect((await readFile(path)).length).toBeGreaterThan(1000);
    expect(stderr).toMatch(/compiling \(kB\) \[#+\]/);
    const facts = async (...more: string[]) => JSON.parse((await run("info", "org/name", "--json", ...more)).stdout);
    expect(await facts("--dtype", "int8")).toMatchObject({ compiled: true });
    expect(await facts("--dtype", "int8", "--offline")).toMatchObject({ compiled: true, origin: "cache" });
    expect(await facts()).toMatchObject({ compiled: false });
  });

  it("says why a model cannot be used, and what would help", async () => {
    const { stdout, exitCode } = await run("info", "./tiny-bert-three-labels");
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/cannot be used[\s\S]*because.*3 labels.*`relevantLabel`/);
    expect((await run("info", "./tiny-bert-three-labels", "--relevant-label", "entailment")).exitCode).toBe(0);
    const { stdout: embedder } = await run("info", "./tiny-sentence-encoder");
    expect(embedder).toMatch(/task +embed/);
  });

  it("tells what would run a model, and why not our own kernels", async () => {
    for (const dtype of ["int8", "fp32"]) {
      const { stdout } = await run("info", "./tiny-bert-blocks", "--dtype", dtype);
      expect(stdout).toMatch(/engine +(native, on a processor|ONNX Runtime; not the native one: \S)/);
    }
    const { stdout: narrow } = await run("info", "./tiny-bert-cross-encoder");
    expect(narrow).toMatch(/engine +ONNX Runtime; not the native one: \S/);
  });

  it.each([
    [["frobnicate"], /expected list, info, pull or compile/],
    [[], /expected list, info, pull or compile/],
    [["info"], /one model/],
    [["list", "org/name"], /list alone/],
    [["pull", "a/b", "c/d"], /one model/],
    [["pull", "org/name", "--dtype", "int4"], /--dtype must be fp32, int8, fp16, auto/],
    [["pull", "org/name", "--task", "sing"], /--task must be/],
    [["pull", "org/name", "--quantise"], /quantise/],
  ])("refuses %j", async (args, message) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("fails with the library's message, and nothing on stdout", async () => {
    const { exitCode, stdout, stderr } = await run("compile", "org/other", "--offline");
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/"org\/other".*not in the cache/);
  });

  it("prints help", async () => {
    expect((await run("--help")).stdout).toMatch(/^Usage: pgvectordb models/);
  });
});
