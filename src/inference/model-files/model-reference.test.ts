import { posix, win32 } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSafeFileName, printableName } from "./model-file-name.ts";
import { checkRevision, isHubId, parseModelReference } from "./model-reference.ts";

describe("what a `model` string means", () => {
  test.each([
    ["builtin", "builtin"],
    ["bert-base-uncased", "id"],
    ["cross-encoder/ms-marco-MiniLM-L-6-v2", "id"],
    ["BAAI/bge-reranker-v2-m3", "id"],
    ["_private/a.b_c-d", "id"],
    ["./builtin", "path"],
    ["../models", "path"],
    [".", "path"],
    ["..", "path"],
    ["~", "path"],
    ["~/models/x", "path"],
    ["/models/x", "path"],
    ["C:\\models\\x", "path"],
    ["c:/models/x", "path"],
    ["\\\\server\\share", "path"],
    ["models/reranker/v1", "neither"],
    ["a/b/c", "neither"],
    ["org--name", "neither"],
    ["org/na..me", "neither"],
    ["org/name.git", "neither"],
    ["org/", "neither"],
    ["/".repeat(2), "path"],
    ["-org/name", "neither"],
    ["org/name-", "neither"],
    ["org/ñame", "neither"],
    ["org/name?x=1", "neither"],
    ["https://huggingface.co/org/name", "neither"],
    [`org/${"x".repeat(97)}`, "neither"],
  ])("%j is %s", (model, kind) => {
    expect(parseModelReference(model).kind).toBe(kind);
  });

  test.each([undefined, null, 1, "", "  ", "org/na\0me"])("%j cannot be a model", (model) => {
    expect(() => parseModelReference(model)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining("`model`") }),
    );
  });

  test("an id stays one folder of the cache and one path of the hub", () => {
    const piece = fc.constantFrom("a", "B7", "_", "-", ".", "/", "é", "?", "#", "%2e", "\\", "\0", " ");
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
        const text = pieces.join("");
        fc.pre(isHubId(text));
        expect(text).toMatch(/^[\w.-]+(?:\/[\w.-]+)?$/);
        expect(new URL(`http://hub/${text}/resolve`).pathname).toBe(`/${text}/resolve`);
      }),
    );
  });
});

describe("revisions", () => {
  test.each(["main", "v1.0", "refs/pr/1", "feature/x+y", "a".repeat(40)])("%j is one", (revision) => {
    expect(checkRevision(revision)).toBe(revision);
  });

  test.each([
    "",
    "../main",
    "a/../b",
    "a//b",
    "/main",
    "main/",
    ".main",
    "a/.b",
    "main.lock",
    "a b",
    "a\0",
    "a\\b",
    "x".repeat(201),
    7,
  ])("%j is not", (revision) => {
    expect(() => checkRevision(revision)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining("`revision`") }),
    );
  });
});

describe("file names of a repository", () => {
  test.each(["config.json", "onnx/model.onnx", "a b/ü (1).txt", ".gitattributes", "1_Pooling/config.json"])(
    "%j is safe",
    (name) => {
      expect(isSafeFileName(name)).toBe(true);
    },
  );

  test.each([
    "",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a/..",
    ".",
    "a//b",
    "a/",
    "C:\\x",
    "c:x",
    "a\\..\\..\\x",
    "a\0.json",
    "a\n.json",
    "a/.. /x",
    "a/... ",
    "x".repeat(256),
    "a/".repeat(600),
    7,
    undefined,
  ])("%j is not", (name) => {
    expect(isSafeFileName(name)).toBe(false);
  });

  test("a safe name stays inside of its folder, by the rules of POSIX and of Windows", () => {
    const piece = fc.constantFrom("..", ".", "/", "\\", "a", "b.txt", " ", ":", "C:", "\0", "é", "…");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const name = pieces.join("");
        if (!isSafeFileName(name)) return;
        expect(posix.resolve("/cache", name).startsWith("/cache/")).toBe(true);
        expect(win32.resolve("D:\\cache", name).startsWith("D:\\cache\\")).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  test("a name in a message is short and cannot drive a terminal", () => {
    expect(printableName("a\u001b[31m\n")).toBe('"a\uFFFD[31m\uFFFD"');
    expect(printableName("x".repeat(5_000)).length).toBeLessThan(130);
  });
});
