import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { locateModel } from "./locate-model.ts";

/** Folders never ask the hub: this makes any attempt fail the test. */
const noNetwork = {
  fetch: () => {
    throw new Error("the network was used");
  },
};

let root: string;
let startedIn: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "pgvectordb-folder-")));
  startedIn = process.cwd();
});
afterEach(async () => {
  process.chdir(startedIn);
  await rm(root, { recursive: true, force: true });
});

async function write(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), name);
  }
}

describe("a folder", () => {
  test("lists its files and gives their paths", async () => {
    await write("m/tokenizer.json", "m/config.json", "m/onnx/model.onnx", "m/.cache/x", "m/.hidden");
    const model = await locateModel({ model: join(root, "m") }, noNetwork);
    expect(model).toMatchObject({ id: join(root, "m"), origin: "folder" });
    expect(model.files).toEqual(["config.json", "onnx/model.onnx", "tokenizer.json"]);
    expect(await model.fetch("onnx/model.onnx")).toBe(join(root, "m/onnx/model.onnx"));
  });

  test("may be relative, also without a dot when it exists", async () => {
    await write("a/b/c/config.json");
    process.chdir(root);
    for (const model of ["./a/b/c", "a/b/c", "../".concat(root.split("/").at(-1) ?? "", "/a/b/c")]) {
      expect((await locateModel({ model }, noNetwork)).id).toBe(join(root, "a/b/c"));
    }
  });

  test("named like a hub id is taken only with a config.json in it", async () => {
    await write("org/with/config.json", "org/without/notes.txt");
    process.chdir(root);
    expect((await locateModel({ model: "org/with" }, noNetwork)).origin).toBe("folder");
    await expect(
      locateModel({ model: "org/without", offline: true, cacheDir: join(root, "cache") }, noNetwork),
    ).rejects.toMatchObject({ code: "model_not_found", message: expect.stringContaining("is not in the cache") });
  });

  test("that does not exist, or is a file, is told apart from a hub id", async () => {
    await write("model.onnx");
    await expect(locateModel({ model: join(root, "none") }, noNetwork)).rejects.toMatchObject({
      code: "model_not_found",
      message: expect.stringContaining(join(root, "none")),
    });
    await expect(locateModel({ model: join(root, "model.onnx") }, noNetwork)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("pass its folder"),
    });
    await expect(locateModel({ model: "models/none/here" }, noNetwork)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("neither a folder that exists nor a Hugging Face id"),
    });
  });

  test("names what it has when a file is missing", async () => {
    await write("m/config.json");
    const model = await locateModel({ model: join(root, "m") });
    await expect(model.fetch("model.onnx")).rejects.toMatchObject({
      code: "model_not_found",
      message: expect.stringContaining('It has "config.json"'),
    });
  });

  test.each(["../secret", "/etc/passwd", "onnx/../../secret", "a\0", "..\\secret", ""])(
    "refuses to give out %j",
    async (file) => {
      await write("secret", "m/config.json");
      const model = await locateModel({ model: join(root, "m") });
      await expect(model.fetch(file)).rejects.toMatchObject({ code: "invalid_argument" });
    },
  );
});

describe("links in a folder", () => {
  test("inside of it are followed, leaving ones are refused by name, broken ones and folders are not listed", async () => {
    await write("secret", "m/config.json", "m/real.onnx");
    await symlink("real.onnx", join(root, "m/model.onnx"));
    await symlink("../secret", join(root, "m/tokenizer.json"));
    await symlink("nowhere", join(root, "m/broken.json"));
    await symlink(".", join(root, "m/loop"));
    const model = await locateModel({ model: join(root, "m") });
    expect(model.files).toEqual(["config.json", "model.onnx", "real.onnx", "tokenizer.json"]);
    expect(await model.fetch("model.onnx")).toBe(join(root, "m/model.onnx"));
    await expect(model.fetch("tokenizer.json")).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringContaining("link to a file outside"),
    });
  });

  test("a folder whose name begins with the model's is outside of it", async () => {
    await write("m/config.json", "m-other/secret");
    await symlink("../m-other/secret", join(root, "m/model.onnx"));
    const model = await locateModel({ model: join(root, "m") });
    await expect(model.fetch("model.onnx")).rejects.toMatchObject({ code: "model_invalid" });
  });

  test("a snapshot of the Hugging Face cache may be passed as a folder", async () => {
    await write("models--o--n/blobs/abc", "blobs/ab/shared");
    const snapshot = join(root, "models--o--n/snapshots/123");
    await mkdir(snapshot, { recursive: true });
    await symlink("../../blobs/abc", join(snapshot, "config.json"));
    await symlink("../../../blobs/ab/shared", join(snapshot, "model.onnx"));
    const model = await locateModel({ model: snapshot });
    expect(await model.fetch("config.json")).toBe(join(snapshot, "config.json"));
    expect(await model.fetch("model.onnx")).toBe(join(snapshot, "model.onnx"));
  });
});

test("the built-in model is the one that ships in this package", async () => {
  const model = await locateModel({ model: "builtin" }, noNetwork);
  expect(model).toMatchObject({ id: "builtin", origin: "builtin" });
  expect(model.files).toContain("config.json");
  expect(await model.fetch("config.json")).toMatch(/models[\\/]reranker-v\d+[\\/]config\.json$/);
});

test.each([
  [{ cacheDir: "" }, "`cacheDir`"],
  [{ cacheDir: "a\0" }, "`cacheDir`"],
  [{ revision: "../x" }, "`revision`"],
])("a wrong option %j is named", async (options, name) => {
  await expect(locateModel({ model: "org/name", ...options }, noNetwork)).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringContaining(name),
  });
});

test("an aborted signal ends it before anything is read", async () => {
  await expect(locateModel({ model: "builtin", signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "aborted",
  });
});
