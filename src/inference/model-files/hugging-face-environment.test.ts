import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readHuggingFaceEnvironment } from "./hugging-face-environment.ts";

describe("the cache folder", () => {
  test.each([
    [{}, join(homedir(), ".cache", "huggingface", "hub")],
    [{ XDG_CACHE_HOME: "/xdg" }, "/xdg/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/xdg", HF_HOME: "/home" }, "/home/hub"],
    [{ HF_HOME: "/home", HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
    [{ HF_HOME: "/home", HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/new" }, "/new"],
    [{ HF_HOME: "~/hf" }, join(homedir(), "hf", "hub")],
    [{ HF_HOME: "$BASE/hf", BASE: "/base" }, "/base/hf/hub"],
    [{ HF_HUB_CACHE: `$${"{BASE}"}/hf`, BASE: "/base" }, "/base/hf"],
    [{ HF_HUB_CACHE: "", HF_HOME: " " }, join(homedir(), ".cache", "huggingface", "hub")],
  ])("of %j", (variables, cacheDir) => {
    expect(readHuggingFaceEnvironment(variables).cacheDir).toBe(cacheDir);
  });
});

describe("the endpoint", () => {
  test.each([
    [undefined, "https://huggingface.co"],
    ["https://mirror.example/", "https://mirror.example"],
    ["https://mirror.example/artifactory/api/hf//", "https://mirror.example/artifactory/api/hf"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
  ])("of %j", (HF_ENDPOINT, endpoint) => {
    expect(readHuggingFaceEnvironment({ HF_ENDPOINT }).endpoint).toBe(endpoint);
  });

  test.each(["huggingface.co", "ftp://x", "file:///etc", "https://user:secret@mirror.example"])(
    "refuses %j without repeating it",
    (HF_ENDPOINT) => {
      let error: Error | undefined;
      try {
        readHuggingFaceEnvironment({ HF_ENDPOINT });
      } catch (caught) {
        error = caught as Error;
      }
      expect(error).toMatchObject({ code: "invalid_argument" });
      expect(error?.message).toContain("`HF_ENDPOINT`");
      expect(error?.message).not.toContain("secret");
    },
  );
});

test.each([
  [{ HF_HUB_OFFLINE: "1" }, true],
  [{ HF_HUB_OFFLINE: "True" }, true],
  [{ HF_HUB_OFFLINE: "on" }, true],
  [{ TRANSFORMERS_OFFLINE: "yes" }, true],
  [{ HF_HUB_OFFLINE: "0" }, false],
  [{}, false],
])("%j is offline: %j", (variables, offline) => {
  expect(readHuggingFaceEnvironment(variables).offline).toBe(offline);
});

describe("the token", () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "pgvectordb-hf-home-"));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  test("HF_TOKEN wins over the file that `hf auth login` writes", async () => {
    await writeFile(join(home, "token"), "hf_file\n");
    const token = (variables: Record<string, string>) =>
      readHuggingFaceEnvironment({ HF_HOME: home, ...variables }).readToken();
    expect(await token({ HF_TOKEN: " hf_variable\n" })).toBe("hf_variable");
    expect(await token({ HUGGING_FACE_HUB_TOKEN: "hf_old" })).toBe("hf_old");
    expect(await token({})).toBe("hf_file");
    expect(await token({ HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBeUndefined();
    expect(await token({ HF_TOKEN_PATH: join(home, "missing") })).toBeUndefined();
  });

  test("one that no header can carry is refused without repeating it", async () => {
    const { readToken } = readHuggingFaceEnvironment({ HF_TOKEN: "hf_secret\u00e9" });
    const error = await readToken().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "invalid_argument" });
    expect(String(error)).not.toContain("hf_secret");
  });
});
