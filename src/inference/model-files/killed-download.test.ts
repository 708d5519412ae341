import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { useImitationHub } from "../../../test/imitation-hub/use-imitation-hub.ts";
import { isOwnerGone, newOwner } from "./download-owner.ts";

const MODEL = Buffer.alloc(300_000, "weights");
const context = useImitationHub(() => ({ repos: { "org/name": { main: { "model.onnx": MODEL } } } }));

test("what a killed process had loaded is continued by the next one at once", async () => {
  context.hub.addFaults({ host: "cdn", times: 1, does: { kind: "stall", afterBytes: 100_000 } });
  const module = new URL("../../../dist/inference/model-files/locate-model.js", import.meta.url);
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `const { locateModel } = await import(${JSON.stringify(module.href)});
       const onProgress = ({ loadedBytes }) => { if (loadedBytes === 100_000) console.log("ready"); };
       const model = await locateModel({ model: "org/name", cacheDir: ${JSON.stringify(context.cacheDir)}, onProgress });
       await model.fetch("model.onnx");`,
    ],
    { env: { ...process.env, HF_ENDPOINT: context.hub.endpoint }, stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");

  const path = await (await context.locate({})).fetch("model.onnx");
  expect((await readFile(path)).equals(MODEL)).toBe(true);
  expect(context.hub.requests.at(-1)?.headers.range).toBe("bytes=100000-");
  expect(await readdir(dirname(await realpath(path)))).toHaveLength(1);
});

test("an owner is gone only when its process on this machine is", async () => {
  const child = spawn(process.execPath, ["--eval", ""], { stdio: "ignore" });
  await once(child, "exit");
  const own = await newOwner();
  expect(own).not.toBe(await newOwner());
  expect(await isOwnerGone(own)).toBe(false);
  expect(await isOwnerGone(own.replace(`-${process.pid}-`, `-${child.pid}-`))).toBe(true);
  expect(await isOwnerGone(`00000000-${child.pid}-0123456789ab`)).toBe(false);
  expect(await isOwnerGone("0123abcd")).toBe(false);
});
