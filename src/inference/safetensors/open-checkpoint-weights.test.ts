import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PgVectorDBError } from "../../errors.ts";
import { openCheckpointWeights, weightFiles } from "./open-checkpoint-weights.ts";

const SHARDED = join(import.meta.dirname, "../../../test/fixtures/checkpoints/xlm-roberta");
const INDEX = "model.safetensors.index.json";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shards-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function openIndex(index: unknown) {
  const path = join(folder, INDEX);
  await writeFile(path, typeof index === "string" ? index : JSON.stringify(index));
  return openCheckpointWeights(path);
}

describe("openCheckpointWeights", () => {
  test("reads shards as one source", async () => {
    const path = join(SHARDED, INDEX);
    const files = await weightFiles(path);
    expect(files.map((file) => basename(file))).toEqual([1, 2, 3].map((n) => `model-0000${n}-of-00003.safetensors`));
    const source = await openCheckpointWeights(path);
    for (const [name, { begin, end }] of source.tensors) expect(await source.read(name)).toHaveLength(end - begin);
    expect(await source.read("classifier.dense.bias", 4, 12)).toEqual(
      (await source.read("classifier.dense.bias")).slice(4, 12),
    );
    await expect(source.read("absent")).rejects.toMatchObject({ code: "model_invalid" });
    await source.close();
  });

  test("reads one file", async () => {
    const [path = ""] = await weightFiles(join(SHARDED, INDEX));
    expect(await weightFiles(path)).toEqual([path]);
    const source = await openCheckpointWeights(path);
    expect(source.tensors.size).toBeGreaterThan(0);
    await source.close();
  });

  test.each([
    "../secret.safetensors",
    "..\\secret.safetensors",
    "/etc/model.safetensors",
    "C:\\model.safetensors",
    "sub/model.safetensors",
    "model.bin",
    ".safetensors",
    "model\0.safetensors",
    "",
    7,
    null,
  ])("refuses the shard name %j", async (file) => {
    await expect(openIndex({ weight_map: { a: file } })).rejects.toMatchObject({ code: "model_invalid" });
  });

  test.each([
    ["not JSON", "{"],
    ["no map", {}],
    ["a list", []],
    ["null", null],
    ["a text", { weight_map: "a" }],
  ])("refuses an index that is %s", async (_, index) => {
    await expect(openIndex(index)).rejects.toMatchObject({ code: "model_invalid" });
  });

  test("names a shard that is absent and a tensor that its shard lacks", async () => {
    await expect(openIndex({ weight_map: { a: "absent.safetensors" } })).rejects.toMatchObject({
      code: "model_not_found",
      message: expect.stringContaining("absent.safetensors"),
    });
    for (const file of await readdir(SHARDED)) await copyFile(join(SHARDED, file), join(folder, file));
    const shard = "model-00001-of-00003.safetensors";
    await expect(openIndex({ weight_map: { absent: shard } })).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringContaining('"absent"'),
    });
    await expect(openCheckpointWeights(join(folder, "none.json"))).rejects.toMatchObject({ code: "model_not_found" });
  });

  test("any index opens or is refused with the library's own error", async () => {
    const index = fc.oneof(
      fc.jsonValue(),
      fc.record({ weight_map: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.jsonValue())) }),
    );
    await fc.assert(
      fc.asyncProperty(index, async (value) => {
        await openIndex(value).then(
          (source) => source.close(),
          (error: unknown) => expect(error).toBeInstanceOf(PgVectorDBError),
        );
      }),
      { numRuns: 100 },
    );
  });
});
