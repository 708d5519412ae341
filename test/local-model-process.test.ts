import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { nativeMissing } from "../src/inference/native/native-engine.suite.ts";

const rerankers = new URL("../dist/rerankers/index.js", import.meta.url).href;
const model = fileURLToPath(new URL("./fixtures/models/tiny-bert-cross-encoder", import.meta.url));

/** Runs a script with the compiled package in a process of its own, and gives what it prints. It must exit by itself. */
async function runScript(body: string): Promise<unknown> {
  const script = `
    import { createRequire } from "node:module";
    const loaded = () => Object.keys(createRequire(import.meta.url).cache);
    const print = (value) => process.stdout.write(JSON.stringify(value));
    const { CrossEncoderReranker } = await import(${JSON.stringify(rerankers)});
    const options = { model: ${JSON.stringify(model)} };
    ${body}`;
  const args = ["--input-type=module", "--eval", script];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 150_000 });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

/** The same with the engine that runs a checkpoint in int8, by the libraries that the process has loaded at the end. */
async function librariesOf(engine: "native" | "onnxruntime"): Promise<readonly string[]> {
  const cacheDir = await mkdtemp(join(tmpdir(), "local-model-process-"));
  const checkpoint = fileURLToPath(new URL("./fixtures/models/tiny-bert-blocks", import.meta.url));
  const options = JSON.stringify({ model: checkpoint, cacheDir, dtype: "int8", selfCheck: false });
  try {
    return (await runScript(`
      if (${engine === "onnxruntime"}) process.env.PGVECTORDB_NATIVE = "off";
      const reranker = new CrossEncoderReranker(${options});
      await reranker.rerank("dog", ["a fox"]);
      const { sharedObjects } = process.report.getReport();
      await reranker.close();
      print(sharedObjects);`)) as string[];
  } finally {
    await rm(cacheDir, { recursive: true });
  }
}

const isOurs = (path: string): boolean => /\/native\/linux-x64[^/]*\.node$/.test(path);
const OPTIONAL = /onnxruntime|tokenizers|pglite|@huggingface|node_modules\/pg\//;

describe("a process that reranks", () => {
  it("exits by itself after close()", async () => {
    const documents = await runScript(`
      const reranker = new CrossEncoderReranker(options);
      const documents = await reranker.rerank("dog", ["the lazy dog", "a fox"]);
      await reranker.close();
      print(documents.length);`);
    expect(documents).toBe(2);
  });

  it("exits by itself when close() was forgotten", async () => {
    expect(await runScript(`print((await new CrossEncoderReranker(options).rerank("dog", ["a fox"])).length);`)).toBe(
      1,
    );
  });

  it("exits by itself after an abort while the model loads", async () => {
    const code = await runScript(`
      const controller = new AbortController();
      process.once("worker", () => controller.abort());
      await new CrossEncoderReranker(options)
        .load({ signal: controller.signal })
        .catch((error) => print(error.code));`);
    expect(code).toBe("aborted");
  });

  it("keeps the model's libraries out of the main thread", async () => {
    const modules = (await runScript(`
      const reranker = new CrossEncoderReranker(options);
      await reranker.rerank("dog", ["a fox"]);
      print(loaded());`)) as string[];
    expect(modules.filter((module) => OPTIONAL.test(module))).toEqual([]);
  });
});

describe("an int8 checkpoint", () => {
  it("is run by ONNX Runtime when our own kernels are switched off", async () => {
    const libraries = await librariesOf("onnxruntime");
    expect(libraries.some((path) => path.includes("onnxruntime"))).toBe(true);
    expect(libraries.some((path) => isOurs(path))).toBe(false);
  });

  it.skipIf(nativeMissing)(`is run without ONNX Runtime where our own kernels run${nativeMissing}`, async () => {
    const libraries = await librariesOf("native");
    expect(libraries.some((path) => path.includes("onnxruntime"))).toBe(false);
    expect(libraries.some((path) => isOurs(path))).toBe(true);
  });
});

describe("importing pgvectordb/rerankers", () => {
  it("loads no library that is optional or heavy", async () => {
    // Every module that is asked for, ES modules included, goes by the resolve hook.
    const hook = `
      import { register } from "node:module";
      import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
      const { port1, port2 } = new MessageChannel();
      const source = "let port; export const initialize = (data) => { port = data.port; };" +
        "export const resolve = async (name, context, next) => { const found = await next(name, context); port.postMessage(found.url); return found; };";
      register("data:text/javascript," + encodeURIComponent(source), { data: { port: port2 }, transferList: [port2] });
      const seen = [];
      const drain = () => { for (let m = receiveMessageOnPort(port1); m; m = receiveMessageOnPort(port1)) seen.push(m.message); };
      await import(${JSON.stringify(rerankers)});
      drain();
      process.stdout.write(JSON.stringify(seen));
      port1.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", hook]);
    const modules = JSON.parse(stdout) as string[];
    expect(modules.some((module) => module.includes("/dist/chunks/"))).toBe(true);
    expect(modules.filter((module) => module.includes("/node_modules/"))).toEqual([]);
  });
});
