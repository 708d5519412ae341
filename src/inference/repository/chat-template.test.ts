import { describe, expect, it } from "vitest";
import { chatRenderer } from "./chat-template.ts";

const messages = [{ role: "query", content: "what?" }];
const render = (template: string) => chatRenderer(template, { tools: null })(messages);

describe("chatRenderer", () => {
  it("renders the same for every call", () => {
    const renderer = chatRenderer(
      "{% set n = namespace(i=0) %}{% set n.i = n.i + 1 %}{{ n.i }} {{ messages[0].content }}",
      {},
    );
    expect([renderer(messages), renderer(messages)]).toEqual(["1 what?", "1 what?"]);
  });

  // Each would run for hours, or fill the memory, if nothing counted.
  it.each([
    [
      "loops in loops",
      "{% for a in range(200) %}{% for b in range(200) %}{% for c in range(200) %}{{ c }}{% endfor %}{% endfor %}{% endfor %}",
    ],
    ["loops with nothing in them", `${"{% for a in range(200) %}".repeat(20)}${"{% endfor %}".repeat(20)}`],
    ["a range without end", "{% set x = range(1000000000) %}"],
    ["a range that stands still", "{% for a in range(0, 9, 0) %}{% endfor %}"],
    ["a text that doubles", `{% set n = namespace(x='a') %}${"{% set n.x = n.x ~ n.x %}".repeat(60)}`],
    ["a list that doubles", `{% set n = namespace(x=[1]) %}${"{% set n.x = n.x + n.x %}".repeat(40)}`],
    ["a macro that calls itself", "{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}"],
    ["nesting without end", `{{ ${"(".repeat(20_000)}1${")".repeat(10_000)} }}`],
    ["an indent without end", "{{ 'a\n'.replace('a', 'b') | indent(1000000000) }}"],
    ["too long a template", "a".repeat(100_000)],
  ])("ends for %s", (_, template) => {
    expect(() => render(template)).toThrow(
      expect.objectContaining({
        code: "model_invalid",
        message: expect.stringMatching(/chat template cannot be used/),
      }),
    );
  });

  it.each([
    "{{ messages.constructor }}",
    "{{ ''.constructor.constructor('return 1')() }}",
    "{{ process.env }}",
    "{{ strftime_now('%Y') }}",
  ])("has nothing of the process or the clock for %s", (template) => {
    let text = "";
    try {
      text = render(template);
    } catch (error) {
      expect(error).toMatchObject({ code: "model_invalid" });
    }
    expect(text).toBe("");
  });
});
