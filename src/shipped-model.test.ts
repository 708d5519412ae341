import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { shippedModelFolder } from "./shipped-model.ts";

test("a shipped model's folder holds its config", () => {
  const config: unknown = JSON.parse(readFileSync(join(shippedModelFolder("embedder-v2"), "config.json"), "utf8"));
  expect(config).toMatchObject({ id: "builtin/embedder-v2" });
});

test("a missing one says how to get it back", () => {
  expect(() => shippedModelFolder("embedder-v0")).toThrow(
    expect.objectContaining({
      code: "model_not_found",
      message: expect.stringContaining("Install the package again"),
    }),
  );
});
