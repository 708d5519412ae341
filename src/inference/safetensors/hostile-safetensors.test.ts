import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PgVectorDBError } from "../../errors.ts";
import { openSafetensors } from "./open-safetensors.ts";

const REAL_FILE = "test/fixtures/static-model/model.safetensors";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("openSafetensors", () => {
  it("reads the tensors of a file that Python wrote, whole and by offset", async () => {
    const source = await openSafetensors(REAL_FILE);
    const whole = await source.read("embeddings");
    expect(source.tensors.get("embeddings")).toMatchObject({ dtype: "I8", shape: [whole.length / 6, 6] });
    expect(await source.read("embeddings", 6, 18)).toEqual(whole.slice(6, 18));
    await source.close();
  });

  it("gives every dtype its bytes", async () => {
    const path = await write({
      a: { dtype: "F16", shape: [2], data_offsets: [0, 4] },
      b: { dtype: "BF16", shape: [], data_offsets: [4, 6] },
      c: { dtype: "I64", shape: [1, 1], data_offsets: [6, 14] },
      d: { dtype: "I32", shape: [0, 3], data_offsets: [14, 14] },
      e: { dtype: "U8", shape: [2], data_offsets: [14, 16] },
    });
    const source = await openSafetensors(path);
    expect([...source.tensors.keys()].sort()).toEqual(["a", "b", "c", "d", "e"]);
    expect([...(await source.read("e"))]).toEqual([14, 15]);
    expect(await source.read("d")).toHaveLength(0);
    await source.close();
  });

  it.each([
    ["a dtype that nobody knows", { a: { dtype: "F12", shape: [16], data_offsets: [0, 16] } }],
    ["a shape that its bytes do not fill", { a: { dtype: "F32", shape: [3], data_offsets: [0, 16] } }],
    ["a shape too large to count", { a: { dtype: "U8", shape: [2 ** 52, 2 ** 52], data_offsets: [0, 16] } }],
    ["a negative length", { a: { dtype: "U8", shape: [-4, -4], data_offsets: [0, 16] } }],
    ["a fractional offset", { a: { dtype: "U8", shape: [16], data_offsets: [0.5, 16.5] } }],
    ["offsets the wrong way round", { a: { dtype: "U8", shape: [16], data_offsets: [16, 0] } }],
    ["offsets past the end", { a: { dtype: "U8", shape: [17], data_offsets: [0, 17] } }],
    ["three offsets", { a: { dtype: "U8", shape: [16], data_offsets: [0, 16, 16] } }],
    ["a tensor that is not an object", { a: 5 }],
    ["a tensor that is null", { a: null }],
    ["bytes that belong to no tensor", { a: { dtype: "U8", shape: [8], data_offsets: [0, 8] } }],
    [
      "tensors that overlap",
      {
        a: { dtype: "U8", shape: [12], data_offsets: [0, 12] },
        b: { dtype: "U8", shape: [8], data_offsets: [8, 16] },
      },
    ],
    ["a header that is a list", []],
  ])("refuses %s", async (_, header) => {
    await expect(openSafetensors(await write(header))).rejects.toMatchObject({ code: "model_invalid" });
  });

  it.each([
    ["an empty file", Buffer.alloc(0)],
    ["a file shorter than a length", Buffer.alloc(7)],
    ["a header length past the end", Buffer.concat([length(100n), Buffer.from("{}")])],
    ["the largest header length there is", Buffer.concat([length(2n ** 64n - 1n), Buffer.from("{}")])],
    ["a header that is not JSON", Buffer.concat([length(2n), Buffer.from("{{")])],
    ["a header that is not UTF-8", Buffer.concat([length(4n), Buffer.from([0x22, 0xff, 0xff, 0x22])])],
    ["a header nested without end", Buffer.concat([length(200_000n), Buffer.from("[".repeat(200_000))])],
  ])("refuses %s", async (_, bytes) => {
    const path = join(folder, "hostile.safetensors");
    await writeFile(path, bytes);
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: "model_invalid" });
  });

  it("says that a file is not there", async () => {
    await expect(openSafetensors(join(folder, "absent"))).rejects.toMatchObject({ code: "model_not_found" });
  });

  it("either opens a damaged file with every tensor in range or refuses it with its own error", async () => {
    const original = await readFile(REAL_FILE);
    const path = join(folder, "damaged.safetensors");
    const flips = fc.array(fc.tuple(fc.nat({ max: 250 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(flips, fc.option(fc.nat({ max: original.length })), async (changes, cutAt) => {
        const bytes = Buffer.from(original);
        for (const [position, value] of changes) bytes[position] = value;
        await writeFile(path, bytes.subarray(0, cutAt ?? bytes.length));
        await openAndReadAll(path);
      }),
      { numRuns: 300 },
    );
  });
});

async function openAndReadAll(path: string): Promise<void> {
  try {
    const source = await openSafetensors(path);
    for (const [name, tensor] of source.tensors) {
      expect(await source.read(name)).toHaveLength(tensor.end - tensor.begin);
    }
    await source.close();
  } catch (error) {
    if (!(error instanceof PgVectorDBError)) throw error;
    expect(error.code).toBe("model_invalid");
  }
}

function length(bytes: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(bytes);
  return buffer;
}

/** A file with this header and sixteen bytes of data. */
async function write(header: unknown): Promise<string> {
  const json = Buffer.from(JSON.stringify(header));
  const path = join(folder, "made.safetensors");
  const data = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
  await writeFile(path, Buffer.concat([length(BigInt(json.length)), json, data]));
  return path;
}
