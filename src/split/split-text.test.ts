import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitText } from "./split-text.ts";

const markdown = `# Guide

Intro sentence one. Intro sentence two.

## Install

\`\`\`sh
# not a heading
npm install pgvectordb

npm test
\`\`\`

## Use

Open it. Then search. ${"A long sentence about searching follows here. ".repeat(12)}

### Detail

The end.
`;

describe("splitText", () => {
  it("splits at headings and says which sections a passage lies in", () => {
    const passages = splitText(markdown, { maxCharacters: 100 });
    expect(passages[0]).toMatchObject({ headings: ["Guide"] });
    expect(passages.at(-1)).toMatchObject({ headings: ["Guide", "Use", "Detail"] });
    expect(passages.at(-1)?.content).toBe("### Detail\n\nThe end.");
    expect(passages.find(({ content }) => content.includes("Open it."))?.headings).toEqual(["Guide", "Use"]);
  });

  it("keeps a code block whole, with comments that look like headings", () => {
    const code = splitText(markdown, { maxCharacters: 120 }).filter(({ content }) => content.includes("npm"));
    expect(code).toHaveLength(1);
    expect(code[0]?.content).toContain("# not a heading\nnpm install pgvectordb\n\nnpm test\n```");
  });

  it("cuts a code block that is too long at line ends", () => {
    const code = `\`\`\`\n${"const line = 1;\n".repeat(20)}\`\`\``;
    const passages = splitText(code, { maxCharacters: 100 });
    expect(passages.length).toBeGreaterThan(3);
    for (const { content } of passages.slice(1, -1)) expect(content).toMatch(/^(const line = 1;\n?)+$/);
  });

  it("cuts long paragraphs between sentences, and hard-wrapped lines are no sentence ends", () => {
    const text = "One sentence that is\nwrapped over lines. Another sentence that is\nwrapped as well.";
    expect(splitText(text, { maxCharacters: 50 }).map(({ content }) => content)).toEqual([
      "One sentence that is\nwrapped over lines.",
      "Another sentence that is\nwrapped as well.",
    ]);
  });

  it("cuts a word that is longer than the bound, but never a surrogate pair", () => {
    const passages = splitText("😀".repeat(50), { maxCharacters: 21 });
    expect(passages.every(({ content }) => content.isWellFormed() && content.length <= 21)).toBe(true);
    expect(passages.map(({ content }) => content).join("")).toBe("😀".repeat(50));
  });

  it("counts tokens as it is told", () => {
    const countTokens = (text: string) => text.split(/\s+/).filter(Boolean).length;
    const passages = splitText("one two three four five six seven eight nine ten eleven twelve", {
      maxTokens: 8,
      countTokens,
    });
    expect(passages.map(({ content }) => countTokens(content))).toEqual([8, 4]);
  });

  it("begins a passage with the end of the one before", () => {
    const text = "First sentence here. Second sentence here. Third sentence here. Fourth sentence here.";
    const passages = splitText(text, { maxCharacters: 66, overlap: 25 });
    expect(passages.map(({ content }) => content)).toEqual([
      "First sentence here. Second sentence here. Third sentence here.",
      "Third sentence here. Fourth sentence here.",
    ]);
  });

  it("gives nothing for blank text", () => {
    expect(splitText("")).toEqual([]);
    expect(splitText(" \r\n\t\n")).toEqual([]);
  });

  it.each([
    [42, {}, /`text` must be a string/],
    ["text", { maxCharacters: 0 }, /`maxCharacters` must be an integer of at least 20/],
    ["text", { maxTokens: 1.5 }, /`maxTokens`/],
    ["text", { overlap: -1 }, /`overlap`/],
    ["text", { size: 3 }, /Unknown option `size`/],
  ])("refuses %j with %j", (text, options, message) => {
    expect(() => splitText(text as string, options as object)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringMatching(message) }),
    );
  });
});

const line = fc.oneof(
  { weight: 6, arbitrary: fc.lorem({ maxCount: 6, mode: "sentences" }) },
  fc.string({ unit: "grapheme", maxLength: 80 }),
  fc.constantFrom(
    "",
    "",
    "# Top",
    "## Inner",
    "####### seven",
    "```",
    "~~~js",
    "- item",
    "\r",
    "    indented",
    "| a | b |",
  ),
);
const document = fc.array(line, { maxLength: 30 }).map((lines) => lines.join("\n"));

describe("every split", () => {
  const check = (property: (text: string, maxCharacters: number, overlap: number) => void) =>
    fc.assert(fc.property(document, fc.integer({ min: 20, max: 300 }), fc.integer({ min: 0, max: 60 }), property));

  it("keeps the bound, has true offsets and blank passages never", () => {
    check((text, maxCharacters, overlap) => {
      for (const { content, start, end } of splitText(text, { maxCharacters, overlap })) {
        expect(content).toBe(text.slice(start, end));
        expect(content.length).toBeLessThanOrEqual(maxCharacters);
        expect(content.trim()).not.toBe("");
      }
    });
  });

  it("covers everything but white space, in order", () => {
    check((text, maxCharacters, overlap) => {
      let covered = 0;
      let lastStart = -1;
      for (const { start, end } of splitText(text, { maxCharacters, overlap })) {
        expect(text.slice(covered, Math.max(covered, start)).trim()).toBe("");
        expect(start).toBeGreaterThan(lastStart);
        expect(end).toBeGreaterThan(covered);
        covered = end;
        lastStart = start;
      }
      expect(text.slice(covered).trim()).toBe("");
    });
  });
});
