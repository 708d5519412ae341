import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chatRenderer } from "./chat-template.ts";
import { fillPrompt } from "./prompt-pieces.ts";
import { type MessageFormat, splitTemplate } from "./split-chat-template.ts";

/** What Jinja2 gives: test/fixtures/make-chat-templates.py. */
interface Golden {
  readonly variables: Readonly<Record<string, string>>;
  readonly pairs: readonly (readonly [query: string, document: string])[];
  readonly cases: readonly {
    readonly name: string;
    readonly template: string;
    readonly format: MessageFormat;
    readonly system: string | null;
    readonly texts: readonly string[];
  }[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL("../../../test/fixtures/chat-templates.json", import.meta.url), "utf8"),
);

const split = (template: string) => splitTemplate(chatRenderer(template, {}), "flat");

describe("splitTemplate", () => {
  it.each(golden.cases)("gives Jinja2's text for $name, $format, system message $system", (each) => {
    const pieces = splitTemplate(chatRenderer(each.template, golden.variables), each.format, each.system ?? undefined);
    const texts = golden.pairs.map(([query, document]) => fillPrompt(pieces, query, document));
    expect(texts).toEqual(each.texts);
  });

  it("finds a query that is there twice, and what is taken off each", () => {
    const pieces = split("{{ messages[0].content }}, {{ messages[1].content }}; {{ messages[0].content | trim }}");
    expect(fillPrompt(pieces, " q ", " d ")).toBe(" q ,  d ; q");
  });

  it.each([
    [
      "holds the document twice",
      "{{ messages[0].content }}{{ messages[1].content }}{{ messages[1].content }}",
      /2 times/,
    ],
    ["leaves the document out", "{{ messages[0].content }}", /0 times/],
    ["leaves the query out", "{{ messages[1].content }}", /leaves the query out/],
    ["changes the document", "{{ messages[0].content }}{{ messages[1].content | upper }}", /0 times/],
    ["replaces in it", "{{ messages[0].content }}{{ messages[1].content.replace('\\n', ' ') }}", /changes the texts/],
    ["cuts it", "{{ messages[0].content }}{{ messages[1].content[:2000] }}", /changes the texts/],
    ["writes it as JSON", "{{ messages[0].content }}{{ messages[1].content | tojson }}", /changes the texts/],
    [
      "depends on its length",
      "{{ messages[0].content }}{% if messages[1].content | length > 99 %}long{% endif %}{{ messages[1].content }}",
      /changes the texts/,
    ],
    [
      "leaves an empty one out",
      "{{ messages[0].content }}{% if messages[1].content %}: {{ messages[1].content }}{% endif %}",
      /changes the texts/,
    ],
    ["raises an exception", "{{ raise_exception('roles must alternate') }}", /roles must alternate/],
    ["is no template", "{% if %}", /chat template cannot be used/],
  ])("refuses a template that %s", (_, template, message) => {
    expect(() => split(template)).toThrow(
      expect.objectContaining({ code: "model_invalid", message: expect.stringMatching(message) }),
    );
  });
});
