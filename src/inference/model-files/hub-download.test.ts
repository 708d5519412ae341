import { lstat, mkdtemp, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ImitationHub, startImitationHub } from "../../../test/imitation-hub/start-imitation-hub.ts";
import { locateModel, type ModelProgress, type ModelRequest } from "./locate-model.ts";

let hub: ImitationHub;
let cacheDir: string;

beforeEach(async () => {
  hub = await startImitationHub({
    repos: {
      "org/name": {
        main: {
          "config.json": "{}",
          "onnx/model.onnx": Buffer.alloc(3_000_000, "abc"),
        },
      },
    },
  });
  cacheDir = await mkdtemp(join(tmpdir(), "pgvectordb-models-"));
});
afterEach(async () => {
  await hub.close();
  await rm(cacheDir, { recursive: true, force: true });
});

test("smoke", async () => {
  const seen: ModelProgress[] = [];
  const m = await locateModel(
    { model: "org/name", cacheDir, onProgress: (p) => seen.push(p) },
    { environment: { HF_ENDPOINT: hub.endpoint, HF_TOKEN: "hf_x" } },
  );
  console.log(m);
  console.log(await m.fetch("onnx/model.onnx"), await m.fetch("config.json"));
  console.log(
    hub.requests.map((r) => [r.host, r.method, r.url, r.headers.authorization]),
    seen.length,
    seen.at(-1),
  );
  const o = await locateModel({ model: "org/name", cacheDir, offline: true });
  console.log(o, await o.fetch("config.json"), cacheDir);
});
