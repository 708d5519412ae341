import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCsv } from "./read-csv.ts";

async function read(...chunks: string[]): Promise<Record<string, string>[]> {
  async function* source() {
    yield* chunks;
  }
  const records: Record<string, string>[] = [];
  for await (const { fields } of readCsv(source())) records.push({ ...fields });
  return records;
}

describe("readCsv", () => {
  it("reads quoted fields with separators, line ends and doubled quotes", async () => {
    expect(await read('a,b\r\n"x, ""y""","line\r\nbreak"\r\n,last')).toEqual([
      { a: 'x, "y"', b: "line\r\nbreak" },
      { a: "", b: "last" },
    ]);
  });

  it("finds out the separator, skips blank lines and fills what is missing", async () => {
    expect(await read('\ufeffid;"a;,,b"\n1;x\n\n2')).toEqual([
      { id: "1", "a;,,b": "x" },
      { id: "2", "a;,,b": "" },
    ]);
    expect(await read("a\tb\n1\t2,3")).toEqual([{ a: "1", b: "2,3" }]);
    expect(await read("")).toEqual([]);
    expect(await read("only,names")).toEqual([]);
    expect(await read("__proto__,b\n1,2\n")).toEqual([
      Object.fromEntries([
        ["__proto__", "1"],
        ["b", "2"],
      ]),
    ]);
  });

  it("tells the line of a quote that is not closed, and of a row that is too long", async () => {
    await expect(read('a\nb\n"c\nd')).rejects.toThrow(/quote opened in line 3 is never closed/);
    await expect(read('a,b\n"x\ny",1\n1,2,3')).rejects.toThrow(/line 4 has 3 fields where the first row names 2/);
  });

  it("gives back what was written, cut anywhere", async () => {
    const cell = fc.string({ unit: fc.constantFrom("a", "é", '"', ",", ";", "\n", "\r\n", " ", "𝄞") });
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const rows = fc.array(fc.tuple(cell, cell), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(50), async (cells, at) => {
        const text = [["one", "two"], ...cells].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
        const expected = cells.map(([one, two]) => ({ one, two }));
        expect(await read(text.slice(0, at), text.slice(at))).toEqual(expected);
      }),
    );
  });
});
