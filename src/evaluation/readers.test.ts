import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBeirCorpus, readBeirQrels, readBeirQueries } from "./read-beir.ts";
import { readTrecQrels, readTrecRun } from "./read-trec.ts";

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "readers-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("BEIR readers", () => {
  it("read a corpus with and without titles, zipped and not, with any line ends", async () => {
    const text =
      '{"_id": "1", "title": "Über", "text": "漢字 \\u2028 x", "metadata": {}}\r\n\n{"_id": "2", "text": "b"}';
    const expected = [
      { id: "1", title: "Über", text: "漢字 \u2028 x" },
      { id: "2", title: "", text: "b" },
    ];
    expect(await readBeirCorpus(await file(text))).toEqual(expected);
    expect(await readBeirCorpus(await file(gzipSync(text)))).toEqual(expected);
  });

  it("join characters and lines that fall between two chunks of the file", async () => {
    const line = (id: number) => `{"_id": "${id}", "text": "${"漢".repeat(50_000)}"}`;
    const documents = await readBeirCorpus(await file([1, 2, 3].map(line).join("\n")));
    expect(documents.map(({ id, text }) => [id, text === "漢".repeat(50_000)])).toEqual([
      ["1", true],
      ["2", true],
      ["3", true],
    ]);
  });

  it("read queries", async () => {
    expect(await readBeirQueries(await file('{"_id": "q", "text": "why?"}\n'))).toEqual([{ id: "q", text: "why?" }]);
  });

  it("read judgements with and without a header", async () => {
    const expected = new Map([
      [
        "1",
        new Map([
          ["d1", 1],
          ["d2", 0],
        ]),
      ],
      ["2", new Map([["d 1", 2]])],
    ]);
    const lines = "1\td1\t1\n1\td2\t0\n2\td 1\t2\n";
    expect(await readBeirQrels(await file(`query-id\tcorpus-id\tscore\n${lines}`))).toEqual(expected);
    expect(await readBeirQrels(await file(lines))).toEqual(expected);
  });

  it.each([
    ["a line that is not JSON", readBeirCorpus, '{"_id": "1", "text": "secret"}\n{"secret', 2],
    ["a line that is not an object", readBeirCorpus, "null", 1],
    ["an id that is a number", readBeirQueries, '{"_id": 1, "text": "secret"}', 1],
    ["a document without text", readBeirCorpus, '{"_id": "secret"}', 1],
    ["a second header", readBeirQrels, "query-id\tcorpus-id\tscore\nquery-id\tcorpus-id\tscore", 2],
    ["a grade that is missing", readBeirQrels, "1\tsecret", 1],
    ["a grade that is not an integer", readBeirQrels, "a\tb\t1\n1\tsecret\t0.5", 2],
  ])("refuse %s, with the line's number but not its content", async (_, read, text, lineNumber) => {
    await expectRefused(read(await file(text)), `line ${lineNumber}`);
  });
});

describe("TREC readers", () => {
  it("read judgements", async () => {
    const qrels = await readTrecQrels(await file(gzipSync("1 0 d1 3\n1\t0\td2\t-1\n2 Q0 d1 0\n")));
    expect(qrels).toEqual(
      new Map([
        [
          "1",
          new Map([
            ["d1", 3],
            ["d2", -1],
          ]),
        ],
        ["2", new Map([["d1", 0]])],
      ]),
    );
  });

  it("order a run by score, then by id from the last to the first, whatever its ranks say", async () => {
    const run = await readTrecRun(await file("1 Q0 a 1 2.5 tag\n1 Q0 b 2 2.5 tag\n1 Q0 c 3 1e3\n2 Q0 a 1 -1 tag\n"));
    expect(run.get("1")?.map(({ id }) => id)).toEqual(["c", "b", "a"]);
    expect(run.get("2")).toEqual([{ id: "a", score: -1 }]);
  });

  it.each([
    ["too few columns", readTrecQrels, "1 0 secret", 1],
    ["too many columns", readTrecQrels, "1 0 secret 1 1", 1],
    ["a grade that is no number", readTrecQrels, "1 0 d 1\n1 0 secret x", 2],
    ["a run without score", readTrecRun, "1 Q0 secret 1", 1],
    ["a score that is no number", readTrecRun, "1 Q0 secret 1 x tag", 1],
  ])("refuse %s, with the line's number but not its content", async (_, read, text, lineNumber) => {
    await expectRefused(read(await file(text)), `line ${lineNumber}`);
  });
});

describe("every reader", () => {
  it("says which file is not there", async () => {
    await expectRefused(readTrecRun(join(folder, "absent.txt")), "absent.txt");
    await expectRefused(readTrecRun(""), "`path`");
  });

  it("refuses a gzip file that is cut short", async () => {
    const zipped = gzipSync("1 0 d1 3\n".repeat(1000));
    await expectRefused(readTrecQrels(await file(zipped.subarray(0, zipped.length / 2))), "cannot be read");
  });

  it("stops at an abort", async () => {
    const path = await file("1 0 d1 3\n");
    await expect(readTrecQrels(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
  });
});

async function file(content: string | Uint8Array): Promise<string> {
  const path = join(folder, `file-${files++}`);
  await writeFile(path, content);
  return path;
}

async function expectRefused(reading: Promise<unknown>, named: string): Promise<void> {
  const error = await reading.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "invalid_argument", message: expect.stringContaining(named) });
  expect((error as Error).message).not.toContain("secret");
}
