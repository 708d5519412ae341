import { afterAll, beforeAll, describe, it } from "vitest";
import { CompiledExamples, listExamples } from "../docs-example-files.ts";
import { newTestDatabase, type TestDatabase } from "../test-database.ts";

const examples = listExamples().filter(({ kind }) => kind === "server");
const compiled = new CompiledExamples("docs-examples-on-a-server");
let database: TestDatabase;

describe("the documentation's examples for a server", () => {
  beforeAll(async () => {
    database = await newTestDatabase();
    compiled.compile(examples);
  });

  afterAll(async () => {
    compiled.remove();
    await database.remove();
  });

  it.each(examples)("$name runs", (example) => compiled.run(example, { DATABASE_URL: database.url }));
});
