import { describe, expect, it } from "vitest";
import { importOptional } from "./import-optional.ts";

describe("importOptional", () => {
  it("gives the module", async () => {
    expect(await importOptional("node:path", () => import("node:path"), { neededFor: "This" })).toHaveProperty("join");
  });

  it("names the package and the command when it is not installed", async () => {
    const missing = "a-package-that-does-not-exist";
    await expect(importOptional(missing, () => import(missing), { neededFor: "Local scoring" })).rejects.toMatchObject({
      code: "missing_dependency",
      message: `Local scoring needs the package "${missing}", which is not installed. Run: npm install ${missing}`,
    });
  });

  it("tells a broken package from a missing one", async () => {
    const broken = () => Promise.reject(new Error("invalid ELF header"));
    await expect(importOptional("native", broken, { neededFor: "It", install: "npm rebuild" })).rejects.toThrow(
      /installed but failed to load. Run: npm rebuild/,
    );
  });
});
