import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CompiledExamples, listExamples } from "./docs-example-files.ts";

const examples = listExamples();
const compiled = new CompiledExamples("docs-examples");

describe("the documentation's examples", () => {
  beforeAll(() => compiled.compile(examples));

  afterAll(() => compiled.remove());

  it("are there", () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  it.each(examples.filter(({ kind }) => kind === "run"))("$name runs", (example) => compiled.run(example));
});
