import { describe, expect, it } from "vitest";
import { createProgressBar } from "./progress-bar.ts";

function recorder(isTTY: boolean) {
  const written: string[] = [];
  return { written, output: { isTTY, write: (text: string) => written.push(text) } };
}

describe("createProgressBar", () => {
  it("redraws one line on a terminal", () => {
    const { written, output } = recorder(true);
    const bar = createProgressBar("Indexing", 4, output);
    bar.update(1);
    bar.update(1);
    bar.update(4);
    bar.end();
    bar.end();
    expect(written).toEqual([`\rIndexing [########${"-".repeat(22)}] 1/4`, `\rIndexing [${"#".repeat(30)}] 4/4`, "\n"]);
  });

  it("redraws the line on a terminal when the note beside it changes, and only there", () => {
    const notes = (isTTY: boolean) => {
      const { written, output } = recorder(isTTY);
      const bar = createProgressBar("Indexing", 2, output);
      for (const note of ["", ", 256 passages", ", 256 passages", ", 512 passages"]) bar.update(1, note);
      return written.map((line) => line.slice(line.indexOf("1/2")));
    };
    expect(notes(true)).toEqual(["1/2", "1/2, 256 passages", "1/2, 512 passages"]);
    expect(notes(false)).toEqual(["1/2\n"]);
  });

  it("prints at most a line for each tenth elsewhere", () => {
    const { written, output } = recorder(false);
    const bar = createProgressBar("Indexing", 1000, output);
    for (let done = 0; done <= 1000; done++) bar.update(done);
    bar.end();
    expect(written).toHaveLength(11);
    expect(written.at(-1)).toBe(`Indexing [${"#".repeat(30)}] 1000/1000\n`);
  });

  it("is full when there is nothing to do", () => {
    const { written, output } = recorder(false);
    createProgressBar("Indexing", 0, output).update(0);
    expect(written).toEqual([`Indexing [${"#".repeat(30)}] 0/0\n`]);
  });
});
