import { describe, expect, it } from "vitest";
import { splitText } from "../../split/split-text.ts";
import { decodeHtml } from "./decode-html.ts";
import { htmlToText } from "./html-to-text.ts";

describe("htmlToText", () => {
  it("keeps blocks, headings, lists and code apart, and leaves out what nobody reads", () => {
    const { text, title } = htmlToText(`<!doctype html><title>A &amp;
      B</title><style>p{}</style><script>alert("no")</script>
      <h1>Head <em>line</em></h1><p>One <b>bold</b>word<p>Two &eacute;&nbsp;&#x1F600;<br>after a break
      <ul><li>first<li><p>second</p></ul><table><tr><th>a<td>b</table><!-- no --><noscript>no</noscript>
      <pre>\n  let x;\n\n  y();  </pre><svg><title>no</title></svg><template>no</template>end`);
    expect(title).toBe("A & B");
    expect(text.split("\n\n").slice(0, 7)).toEqual([
      "# Head line",
      "One boldword",
      "Two é 😀 after a break",
      "- first",
      "- second",
      "a b",
      "```\n  let x;",
    ]);
    expect(text.endsWith("\n\n  y();\n```\n\nend")).toBe(true);
    expect(text).not.toContain("no");
  });

  it("gives splitText its headings", () => {
    const { text } = htmlToText("<h1>Top</h1><p>intro</p><h2>Part</h2><p>detail</p>");
    expect(splitText(text, { maxCharacters: 20 }).at(-1)).toMatchObject({ headings: ["Top", "Part"] });
  });

  it("reads a fragment, and an empty page", () => {
    expect(htmlToText("just text")).toEqual({ text: "just text" });
    expect(htmlToText("<title> </title>")).toEqual({ text: "" });
  });
});

describe("decodeHtml", () => {
  it("takes UTF-8, then what the page declares, then windows-1252", () => {
    expect(decodeHtml(Buffer.from("é"))).toBe("é");
    expect(decodeHtml(Buffer.from('<meta charset="koi8-r">\xc1', "latin1"))).toContain("а");
    expect(decodeHtml(Buffer.from("\xe9", "latin1"))).toBe("é");
    expect(decodeHtml(Buffer.from("<meta charset=nonsense>\xe9", "latin1"))).toContain("é");
  });
});
