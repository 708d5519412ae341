import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { useImitationHub } from "../../../test/imitation-hub/use-imitation-hub.ts";

const FILES = { "config.json": "{}", "model.onnx": "the weights" };
const context = useImitationHub(() => ({ repos: { "org/name": { main: FILES } } }));
const forbidden = vi.fn(() => Promise.reject(new Error("the network was used")));

/** A cache as Python's `huggingface_hub` leaves it: without a listing before version 2. */
async function writeAsPython(files: Readonly<Record<string, string>>, ref = "main"): Promise<string> {
  const folder = join(context.cacheDir, "models--org--name");
  const commit = context.hub.commitOf("org/name");
  await mkdir(join(folder, "snapshots", commit), { recursive: true });
  await mkdir(join(folder, "blobs"), { recursive: true });
  await mkdir(join(folder, "refs"), { recursive: true });
  await writeFile(join(folder, "refs", ref), commit);
  for (const [index, [name, content]] of Object.entries(files).entries()) {
    await writeFile(join(folder, "blobs", `etag${index}`), content);
    await symlink(`../../blobs/etag${index}`, join(folder, "snapshots", commit, name));
  }
  return commit;
}

describe.each([
  ["`offline: true`", { offline: true }, {}],
  ["HF_HUB_OFFLINE=1", {}, { HF_HUB_OFFLINE: "1" }],
])("with %s", (_, options, variables) => {
  const locate = (request = {}) =>
    context.locate({ ...options, ...request }, { environment: variables, fetch: forbidden });

  test("what Python cached is found by branch and by commit, and no request is made", async () => {
    const commit = await writeAsPython(FILES);
    for (const revision of [undefined, "main", commit]) {
      const model = await locate({ revision });
      expect(model).toMatchObject({ origin: "cache", revision: commit, files: ["config.json", "model.onnx"] });
      expect(await readFile(await model.fetch("model.onnx"), "utf8")).toBe("the weights");
    }
    expect(forbidden).not.toHaveBeenCalled();
    expect(context.hub.requests).toEqual([]);
  });

  test("what is not cached is said with what to do", async () => {
    await writeAsPython({ "config.json": "{}" });
    const model = await locate();
    for (const [start, missing] of [
      [() => model.fetch("model.onnx"), '"model.onnx"'],
      [() => locate({ model: "org/other" }), '"org/other"'],
      [() => locate({ revision: "v2" }), 'revision "v2"'],
      [() => locate({ revision: "f".repeat(40) }), "f".repeat(40)],
    ] as const) {
      const work = start();
      await expect(work).rejects.toMatchObject({ code: "model_not_found", retryable: false });
      await expect(work).rejects.toThrow(missing);
      await expect(work).rejects.toThrow(/HF_HUB_OFFLINE.*hf download org\/.*copy the folder models--org--/);
      await expect(work).rejects.toThrow(context.cacheDir);
    }
    expect(forbidden).not.toHaveBeenCalled();
    expect(context.hub.requests).toEqual([]);
  });

  test("a file that was cut short is not served", async () => {
    const path = await (await context.locate({})).fetch("model.onnx");
    await writeFile(path, "the");
    await expect((await locate()).fetch("model.onnx")).rejects.toThrow("not whole");
    await rm(path);
    await expect((await locate()).fetch("model.onnx")).rejects.toThrow("not whole");
  });
});

test("`offline: false` overrules HF_HUB_OFFLINE", async () => {
  const model = await context.locate({ offline: false }, { environment: { HF_HUB_OFFLINE: "1" } });
  expect(model.origin).toBe("hub");
});

describe("with a network that may be used", () => {
  test("a branch costs one request, a commit with a known listing none", async () => {
    const first = await context.locate({});
    await first.fetch("config.json");
    context.hub.forgetRequests();
    expect((await context.locate({})).origin).toBe("hub");
    expect(context.hub.requests).toHaveLength(1);

    const pinned = await context.locate({ revision: first.revision }, { fetch: forbidden });
    expect(pinned).toMatchObject({ origin: "cache", files: ["config.json", "model.onnx"] });
    await pinned.fetch("config.json");
    expect(forbidden).not.toHaveBeenCalled();
    // What an earlier run did not need is still on the hub.
    const online = await context.locate({ revision: first.revision });
    expect(await readFile(await online.fetch("model.onnx"), "utf8")).toBe("the weights");
  });

  test("a branch that moved gives the new files, and the old commit stays", async () => {
    const before = await context.locate({});
    await before.fetch("config.json");
    context.hub.push("org/name", "main", { "config.json": '{"new":1}' });
    const after = await context.locate({});
    expect(after.revision).not.toBe(before.revision);
    expect(await readFile(await after.fetch("config.json"), "utf8")).toBe('{"new":1}');
    expect(await readFile(await before.fetch("config.json"), "utf8")).toBe("{}");
  });

  test.each([
    ["down", { kind: "hang-up" }],
    ["silent", { kind: "silence" }],
    ["overloaded", { kind: "answer", status: 503 }],
    ["closed to us", { kind: "answer", status: 401 }],
    ["behind a login page", { kind: "answer", status: 200, body: "<html>" }],
  ] as const)("the cache answers while the hub is %s, after one request", async (_, does) => {
    const commit = await writeAsPython({ "config.json": "{}" });
    context.hub.addFaults({ does });
    const model = await context.locate({}, { patience: { answerMs: 150, stallMs: 150 } });
    expect(model).toMatchObject({ origin: "cache", revision: commit, files: ["config.json"] });
    await model.fetch("config.json");
    await expect(model.fetch("model.onnx")).rejects.toMatchObject({ code: "network", retryable: true });
    expect(context.hub.requests).toHaveLength(1);
  });

  test("a branch that was deleted is not answered from the cache", async () => {
    await writeAsPython(FILES, "gone");
    await expect(context.locate({ revision: "gone" })).rejects.toThrow('no revision "gone"');
  });

  test("a model that Python cached is not loaded again", async () => {
    await writeAsPython(FILES);
    const model = await context.locate({});
    await model.fetch("model.onnx");
    expect(context.hub.requests.map(({ method, url }) => `${method} ${url.split("?")[0]}`)).toEqual([
      "GET /api/models/org/name/revision/main",
    ]);
  });

  test("a damaged listing or ref is asked for again", async () => {
    const { revision = "", fetch } = await context.locate({});
    await fetch("config.json");
    const folder = join(context.cacheDir, "models--org--name");
    for (const damage of ["", "{", '{"format_version":2,"files":{}}', '{"format_version":1}', "null"]) {
      await writeFile(join(folder, "trees", `${revision}.json`), damage);
      await writeFile(join(folder, "refs", "main"), damage);
      expect((await context.locate({})).files).toEqual(["config.json", "model.onnx"]);
      await writeFile(join(folder, "trees", `${revision}.json`), damage);
      expect((await context.locate({ revision })).origin).toBe("hub");
    }
  });

  test("a ref in the cache cannot name a folder outside of it", async () => {
    await mkdir(join(context.cacheDir, "elsewhere"), { recursive: true });
    await writeFile(join(context.cacheDir, "elsewhere", "config.json"), "{}");
    await mkdir(join(context.cacheDir, "models--org--name", "refs"), { recursive: true });
    await writeFile(join(context.cacheDir, "models--org--name", "refs", "main"), "../../elsewhere");
    await expect(context.locate({ offline: true })).rejects.toMatchObject({ code: "model_not_found" });
  });

  test("a listing in the cache cannot name files outside of it", async () => {
    const { revision = "", fetch } = await context.locate({});
    await fetch("config.json");
    const listing = join(context.cacheDir, "models--org--name", "trees", `${revision}.json`);
    await writeFile(listing, JSON.stringify({ format_version: 1, files: { "../../x": {}, "config.json": {} } }));
    expect((await context.locate({ revision })).files).toEqual(["config.json"]);
  });

  test("a cache that cannot be written to is enough when it has everything", async () => {
    const commit = await writeAsPython(FILES);
    // No folder can be made where a file is, not even by an administrator.
    await writeFile(join(context.cacheDir, "models--org--name", "trees"), "");
    const model = await context.locate({});
    expect(model).toMatchObject({ origin: "hub", revision: commit });
    await model.fetch("model.onnx");
  });
});

test("nothing is written when a model is only looked up", async () => {
  await context.locate({});
  expect(await readdir(context.cacheDir)).toEqual([]);
});
