import { existsSync } from "node:fs";
import { readdir, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FaultEffect } from "../../../test/imitation-hub/imitation-fault.ts";
import { useImitationHub } from "../../../test/imitation-hub/use-imitation-hub.ts";
import type { PgVectorDBError } from "../../errors.ts";

const COMMIT = "0123456789".repeat(4);
const context = useImitationHub(() => ({
  repos: { "org/name": { main: { "config.json": "{}", "model.onnx": Buffer.alloc(50_000, "m") } } },
}));

async function failure(work: Promise<unknown>): Promise<PgVectorDBError> {
  return work.then(
    () => expect.unreachable("it should have failed"),
    (error: PgVectorDBError) => error,
  );
}

function answer(status: number, code?: string, body?: string): FaultEffect {
  return { kind: "answer", status, headers: code === undefined ? {} : { "x-error-code": code }, body };
}

/** Answers the question for the model's files with this. */
function describeAs(description: unknown): void {
  const body = typeof description === "string" ? description : JSON.stringify(description);
  context.hub.addFaults({ url: /^\/api\//, does: answer(200, undefined, body) });
}

async function everythingIn(folder: string): Promise<string[]> {
  return existsSync(folder) ? (await readdir(folder, { recursive: true })).sort() : [];
}

describe("a hub that says no", () => {
  test.each([
    ["401 with a bad token", answer(401), "unauthorized", /HF_TOKEN/],
    ["401 for a model that is gated", answer(401, "GatedRepo"), "unauthorized", /agreement.*HF_TOKEN/],
    ["403 for a model that is gated", answer(403, "GatedRepo"), "unauthorized", /agreement.*HF_TOKEN/],
    ["403", answer(403), "unauthorized", /permission/],
    ["401 for a model that nobody may know of", answer(401, "RepoNotFound"), "model_not_found", /spelling.*HF_TOKEN/],
    ["404", answer(404), "model_not_found", /spelling/],
    ["410", answer(410), "network", /status 410/],
    [
      "429 with a wait that is too long",
      { ...answer(429), headers: { "retry-after": "9999" } },
      "rate_limited",
      /HF_TOKEN/,
    ],
  ])("%s", async (_, does, code, message) => {
    context.hub.addFaults({ does: does as FaultEffect });
    const error = await failure(context.locate({}));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).toContain("org/name");
    expect(error.message).toContain(context.hub.endpoint);
    expect(context.hub.requests).toHaveLength(1);
  });

  test("tells a missing model, revision and file apart", async () => {
    expect(await failure(context.locate({ model: "org/other" }))).toMatchObject({
      code: "model_not_found",
      message: expect.stringMatching(/no model "org\/other".*not in the cache/),
    });
    expect(await failure(context.locate({ revision: "v9" }))).toMatchObject({
      code: "model_not_found",
      message: expect.stringContaining('no revision "v9"'),
    });
    const model = await context.locate({});
    context.hub.forgetRequests();
    expect(await failure(model.fetch("model.safetensors"))).toMatchObject({
      code: "model_not_found",
      message: expect.stringContaining('no file "model.safetensors"'),
    });
    expect(context.hub.requests).toEqual([]);
  });

  test("after a storm of 500s is given up with what to do offline", async () => {
    context.hub.addFaults({ does: answer(500) });
    const error = await failure(context.locate({}));
    expect(error).toMatchObject({ code: "network", retryable: true });
    expect(error.message).toMatch(/status 500.*hf download org\/name/);
    expect(context.hub.requests).toHaveLength(5);
  });

  test("that is not there is named", async () => {
    await context.hub.close();
    const error = await failure(context.locate({}));
    expect(error).toMatchObject({ code: "network", retryable: true });
    expect(error.message).toMatch(/org\/name.*ECONNREFUSED.*hf download org\/name/);
  });

  test("never sees its token in an error", async () => {
    for (const does of [answer(401), answer(500), { kind: "hang-up" } as const]) {
      context.hub.clearFaults();
      context.hub.addFaults({ does });
      const error = await failure(context.locate({}, { environment: { HF_TOKEN: "hf_secret" } }));
      expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain("hf_secret");
    }
  });
});

describe("a hub that answers as none would", () => {
  test.each([
    ["a login page", "<html>Welcome to the airport</html>", /not JSON/],
    ["no commit", { siblings: [] }, /no commit/],
    ["a commit that is a path", { sha: "../../../../etc", siblings: [] }, /no commit/],
    ["no list of files", { sha: COMMIT, siblings: "all" }, /no files/],
    ["null", null, /no commit/],
    ["too many files", { sha: COMMIT, siblings: Array(100_001).fill({}) }, /100001 files/],
    ["a list without end", `"${"x".repeat(33 * 2 ** 20)}`, /list of files is over/],
  ])("%s", async (_, description, message) => {
    describeAs(description);
    const error = await failure(context.locate({}));
    expect(error.code).toBe("network");
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("airport");
    expect(await everythingIn(context.cacheDir)).toEqual([]);
  });

  test("another commit than the one that was asked for", async () => {
    describeAs({ sha: COMMIT, siblings: [] });
    expect((await failure(context.locate({ revision: "f".repeat(40) }))).message).toContain(COMMIT);
  });

  test("file names that leave the cache do not exist for us", async () => {
    const hostile = ["../../x", "/etc/passwd", "a\\..\\b", "C:\\x", "a\0b", "x".repeat(5_000), 7, null];
    describeAs({
      sha: COMMIT,
      siblings: [...hostile.map((rfilename) => ({ rfilename })), { rfilename: "config.json" }],
    });
    const model = await context.locate({});
    expect(model.files).toEqual(["config.json"]);
    for (const name of hostile) {
      expect(await failure(model.fetch(name as string))).toMatchObject({ code: "invalid_argument" });
    }
    expect(await everythingIn(context.cacheDir)).toEqual([]);
  });

  test.each(["../../../x", "a/b", "..", "", ".", "x".repeat(200), "a\\b"])(
    "an etag of %j names no file",
    async (etag) => {
      context.hub.addFaults({ method: "HEAD", does: { kind: "answer", status: 200, headers: { etag: `"${etag}"` } } });
      const error = await failure((await context.locate({})).fetch("config.json"));
      expect(error).toMatchObject({ code: "network" });
      expect(error.message).toContain("ETag");
      expect(await everythingIn(context.cacheDir)).toEqual([]);
    },
  );

  test("a file of another commit, or one described in two ways, is not taken", async () => {
    const head = (headers: Record<string, string>): FaultEffect => ({ kind: "answer", status: 200, headers });
    for (const [headers, message] of [
      [{ etag: "abc", "x-repo-commit": COMMIT }, COMMIT],
      [{ etag: "abc", "x-linked-size": "7" }, "two ways"],
      [{ "x-linked-etag": "0".repeat(64) }, "two ways"],
    ] as const) {
      context.hub.clearFaults();
      context.hub.addFaults({ method: "HEAD", does: head(headers) });
      expect((await failure((await context.locate({})).fetch("model.onnx"))).message).toContain(message);
    }
    expect(await everythingIn(context.cacheDir)).toEqual([]);
  });

  test.each([
    ["a circle", (endpoint: string) => `${endpoint}/again`, /in a circle/],
    ["a file", () => "file:///etc/passwd", /not followed/],
    ["a user name", () => "http://user:pass@127.0.0.1/", /not followed/],
    ["no address", () => "http://[", /not followed/],
  ])("a redirect to %s", async (_, location, message) => {
    const headers = { location: location(context.hub.endpoint) };
    context.hub.addFaults({ does: { kind: "answer", status: 302, headers } });
    const error = await failure(context.locate({}));
    expect(error.code).toBe("network");
    expect(error.message).toMatch(message);
    expect(context.hub.requests.length).toBeLessThanOrEqual(11);
  });

  test("a redirect to a new name of the model is followed", async () => {
    context.hub.addFaults({
      url: /^\/(?:api\/models\/)?old\/name/,
      does: { kind: "answer", status: 307, headers: { location: "/api/models/org/name/revision/main?blobs=true" } },
    });
    expect((await context.locate({ model: "old/name" })).revision).toBe(context.hub.commitOf("org/name"));
  });
});

test("a file that the hub, or the hub behind a mirror, moved is described at its new place", async () => {
  const { commitOf, endpoint } = context.hub;
  const other = endpoint.replace("127.0.0.1", "localhost");
  for (const origin of ["", other]) {
    context.hub.clearFaults();
    context.hub.forgetRequests();
    const location = `${origin}/org/name/resolve/${commitOf("org/name")}/model.onnx`;
    // On its own host, a redirect's etag is that of the redirect.
    const headers = { location, ...(origin === "" ? { etag: '"the-redirect"' } : {}) };
    context.hub.addFaults({
      url: /resolve\/.*\/model.onnx$/,
      times: 1,
      does: { kind: "answer", status: 307, headers },
    });
    const model = await context.locate({}, { environment: { HF_TOKEN: "hf_secret" } });
    const path = await model.fetch("model.onnx");
    expect((await readFile(path)).length).toBe(50_000);
    expect(await readlink(path)).toMatch(/[0-9a-f]{64}$/);
    const heads = context.hub.requests.filter(({ method }) => method === "HEAD");
    expect(heads.map((it) => it.headers.authorization)).toEqual([
      "Bearer hf_secret",
      origin === "" ? "Bearer hf_secret" : undefined,
    ]);
    await rm(join(context.cacheDir, "models--org--name"), { recursive: true });
  }
});

describe("a corrupt file", () => {
  test.each([
    ["other bytes", { kind: "damage" }, /checksum/],
    ["more bytes than announced", { kind: "endless" }, /longer than the 50000 bytes/],
  ] as const)("with %s is not kept", async (_, does, message) => {
    context.hub.addFaults({ host: "cdn", does });
    const error = await failure((await context.locate({})).fetch("model.onnx"));
    expect(error).toMatchObject({ code: "model_invalid", retryable: false });
    expect(error.message).toMatch(message);
    const files = await everythingIn(join(context.cacheDir, "models--org--name"));
    expect(files.filter((name) => name !== "blobs")).toEqual([]);
  });

  test("that is small and comes from the hub itself is noticed by git's checksum", async () => {
    context.hub.addFaults({ method: "GET", url: /config/, does: { kind: "damage" } });
    expect(await failure((await context.locate({})).fetch("config.json"))).toMatchObject({ code: "model_invalid" });
  });

  test("damaged once is loaded again", async () => {
    context.hub.addFaults({ host: "cdn", times: 1, does: { kind: "damage" } });
    await (await context.locate({})).fetch("model.onnx");
  });

  test("that is shorter than the hub announces is not taken for whole", async () => {
    const content = "m".repeat(1_000);
    context.hub.push("org/short", "main", {
      "model.onnx": { content, size: 2_000 },
      "config.json": { content, size: 9 },
    });
    const model = await context.locate({ model: "org/short" });
    expect(await failure(model.fetch("model.onnx"))).toMatchObject({
      code: "model_invalid",
      message: expect.stringContaining("announces 2000 bytes and does not have them"),
    });
  });

  test("without an announced size may not go on for ever", async () => {
    context.hub.push("org/name", "main", { "config.json": "x".repeat(2 ** 22) });
    describeAs({ sha: context.hub.commitOf("org/name"), siblings: [{ rfilename: "config.json" }] });
    context.hub.addFaults(
      { method: "HEAD", does: { kind: "answer", status: 200, headers: { etag: "abc" } } },
      { method: "GET", does: { kind: "endless" } },
    );
    expect(await failure((await context.locate({})).fetch("config.json"))).toMatchObject({
      code: "model_invalid",
      message: expect.stringContaining("a file of unknown size"),
    });
  });

  test("of a mirror that tells neither size nor checksum is taken as it comes", async () => {
    context.hub.push("org/name", "main", { "config.json": "plain" });
    describeAs({ sha: context.hub.commitOf("org/name"), siblings: [{ rfilename: "config.json" }] });
    context.hub.addFaults({ method: "HEAD", does: { kind: "answer", status: 200, headers: { etag: 'W/"abc"' } } });
    const path = await (await context.locate({})).fetch("config.json");
    expect(await readFile(path, "utf8")).toBe("plain");
    expect(await readlink(path)).toBe("../../blobs/abc");
  });
});
