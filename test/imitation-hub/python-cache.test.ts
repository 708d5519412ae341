import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { useImitationHub } from "./use-imitation-hub.ts";

/** A Python that has `huggingface_hub`. */
const python = process.env["PGVECTORDB_TEST_PYTHON"];
const WEIGHTS = Buffer.alloc(3_000_000, "weights");
const FILES = { "config.json": '{"a":1}', "onnx/model.onnx": WEIGHTS, "README.md": "read me" };
const context = useImitationHub(() => ({ repos: { "org/name": { main: FILES, "v1.0": { "config.json": "{}" } } } }));

async function runPython(script: string, variables: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const { stdout } = await promisify(execFile)(python ?? "", ["-c", script], {
    env: { ...process.env, HF_ENDPOINT: context.hub.endpoint, HF_HUB_CACHE: context.cacheDir, ...variables },
  });
  return JSON.parse(stdout);
}

// Set PGVECTORDB_TEST_PYTHON to a Python with huggingface_hub to run these: the cache is shared with it.
describe.skipIf(python === undefined)("the cache shared with Python's huggingface_hub", () => {
  test("what we download, Python finds offline, and nothing of it looks damaged to it", async () => {
    const model = await context.locate({});
    for (const file of model.files) await model.fetch(file);
    await (await context.locate({ revision: "v1.0" })).fetch("config.json");
    context.hub.forgetRequests();
    const found = await runPython(
      `import json, hashlib
from huggingface_hub import hf_hub_download, snapshot_download, scan_cache_dir, try_to_load_from_cache
path = hf_hub_download("org/name", "onnx/model.onnx")
info = scan_cache_dir()
print(json.dumps({
  "path": path, "sha256": hashlib.sha256(open(path, "rb").read()).hexdigest(), "snapshot": snapshot_download("org/name"),
  "tag": open(hf_hub_download("org/name", "config.json", revision="v1.0")).read(),
  "cached": try_to_load_from_cache("org/name", "config.json"),
  "warnings": [str(warning) for warning in info.warnings],
  "repos": [[repo.repo_id, sorted([sorted(revision.refs) for revision in repo.revisions])] for repo in info.repos],
}))`,
      { HF_HUB_OFFLINE: "1" },
    );
    const commit = context.hub.commitOf("org/name");
    const snapshot = join(context.cacheDir, "models--org--name", "snapshots", commit);
    expect(found).toEqual({
      path: join(snapshot, "onnx", "model.onnx"),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      snapshot,
      tag: "{}",
      cached: join(snapshot, "config.json"),
      warnings: [],
      repos: [["org/name", [["main"], ["v1.0"]]]],
    });
    expect(context.hub.requests).toEqual([]);
  });

  test("what we download, Python online does not download again", async () => {
    const model = await context.locate({});
    for (const file of model.files) await model.fetch(file);
    context.hub.forgetRequests();
    await runPython(`import json
from huggingface_hub import hf_hub_download, snapshot_download
print(json.dumps([hf_hub_download("org/name", "onnx/model.onnx"), snapshot_download("org/name")]))`);
    expect(context.hub.requests.filter(({ host }) => host === "cdn")).toEqual([]);
  });

  test("what Python downloads, we find offline and complete", async () => {
    await runPython(`import json
from huggingface_hub import snapshot_download
print(json.dumps(snapshot_download("org/name")))`);
    context.hub.forgetRequests();
    const commit = context.hub.commitOf("org/name");
    const model = await context.locate({ offline: true });
    expect(model).toMatchObject({ origin: "cache", revision: commit, files: Object.keys(FILES).sort() });
    expect((await readFile(await model.fetch("onnx/model.onnx"))).equals(WEIGHTS)).toBe(true);
    // Python's listing of the commit serves us, too.
    expect((await context.locate({ revision: commit })).origin).toBe("cache");
    expect(context.hub.requests).toEqual([]);
  });

  test("both at the same time end with whole files", async () => {
    const script = `import json
from huggingface_hub import hf_hub_download
print(json.dumps(hf_hub_download("org/name", "onnx/model.onnx")))`;
    const ours = context.locate({}).then((model) => model.fetch("onnx/model.onnx"));
    const [path, theirs] = await Promise.all([ours, runPython(script)]);
    expect(theirs).toBe(path);
    expect((await readFile(path)).equals(WEIGHTS)).toBe(true);
  });
});
