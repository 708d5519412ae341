import { lstat, readdir, readFile, readlink, realpath, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { useImitationHub } from "../../../test/imitation-hub/use-imitation-hub.ts";
import type { ModelProgress } from "./locate-model.ts";

const MODEL = Buffer.from(Array.from({ length: 400_000 }, (_, index) => (index * 31 + (index >> 8)) % 251));
const CONFIG = '{"model_type":"bert"}';
const FILES = { "config.json": CONFIG, "onnx/model.onnx": MODEL, ".gitattributes": "" };
/** Quick for the tests in which the server falls silent on purpose. */
const hasty = { patience: { stallMs: 150, answerMs: 150 } };

const context = useImitationHub(() => ({ repos: { "org/name": { main: FILES, "v1/x": { "config.json": "{}" } } } }));

function repository(...parts: string[]): string {
  return join(context.cacheDir, "models--org--name", ...parts);
}

function content(): { method: string; range: string | undefined }[] {
  return context.hub.requests
    .filter(({ host }) => host === "cdn")
    .map(({ method, headers }) => ({ method, range: headers.range }));
}

async function blobs(): Promise<string[]> {
  return (await readdir(repository("blobs"))).sort();
}

async function expectModel(path: string): Promise<void> {
  // `toEqual` compares byte by byte, slowly.
  expect((await readFile(path)).equals(MODEL)).toBe(true);
}

describe("a download", () => {
  test("ends in the layout of the Hugging Face cache", async () => {
    const model = await context.locate({});
    const commit = context.hub.commitOf("org/name");
    expect(model).toMatchObject({ id: "org/name", origin: "hub", revision: commit });
    expect(model.files).toEqual([".gitattributes", "config.json", "onnx/model.onnx"]);

    const path = await model.fetch("onnx/model.onnx");
    expect(path).toBe(repository("snapshots", commit, "onnx", "model.onnx"));
    await expectModel(path);
    expect(await readlink(path)).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(await readlink(await model.fetch("config.json"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    expect(await readFile(repository("refs", "main"), "utf8")).toBe(commit);
    expect((await blobs()).filter((name) => name.includes("incomplete"))).toEqual([]);
  });

  test("sends the token to the hub and never to the content network", async () => {
    const model = await context.locate({}, { environment: { HF_TOKEN: "hf_secret" } });
    await model.fetch("onnx/model.onnx");
    const [cdn, hub] = [true, false].map((isCdn) =>
      context.hub.requests.filter(({ host }) => (host === "cdn") === isCdn).map((it) => it.headers.authorization),
    );
    expect(cdn).toEqual([undefined]);
    expect(new Set(hub)).toEqual(new Set(["Bearer hf_secret"]));
  });

  test("reports progress that grows to the whole", async () => {
    const seen: ModelProgress[] = [];
    const model = await context.locate({ onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([]);
    await model.fetch("onnx/model.onnx");
    const loaded = seen.map(({ loadedBytes }) => loadedBytes);
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
    expect(seen.at(0)).toEqual({ file: "onnx/model.onnx", loadedBytes: 0, totalBytes: MODEL.length });
    expect(seen.at(-1)).toEqual({ file: "onnx/model.onnx", loadedBytes: MODEL.length, totalBytes: MODEL.length });
  });

  test("of a cached file asks nobody and reports nothing", async () => {
    const onProgress = vi.fn();
    const model = await context.locate({});
    const path = await model.fetch("onnx/model.onnx");
    context.hub.forgetRequests();
    expect(await (await context.locate({ revision: model.revision, onProgress })).fetch("onnx/model.onnx")).toBe(path);
    expect(context.hub.requests).toEqual([]);
    expect(onProgress).not.toHaveBeenCalled();
  });

  test("of a content that the cache has under another commit only links it", async () => {
    await (await context.locate({})).fetch("onnx/model.onnx");
    context.hub.push("org/name", "main", { ...FILES, "README.md": "new" });
    context.hub.forgetRequests();
    const path = await (await context.locate({})).fetch("onnx/model.onnx");
    expect(path).toContain(context.hub.commitOf("org/name"));
    expect(content()).toEqual([]);
    await expectModel(path);
  });

  test("works for an empty file and for a revision with a slash", async () => {
    expect(await readFile(await (await context.locate({})).fetch(".gitattributes"), "utf8")).toBe("");
    const model = await context.locate({ revision: "v1/x" });
    expect(await readFile(await model.fetch("config.json"), "utf8")).toBe("{}");
    expect(await readFile(repository("refs", "v1", "x"), "utf8")).toBe(model.revision);
  });

  test("makes second names instead of links where links are switched off", async () => {
    const model = await context.locate({}, { environment: { HF_HUB_DISABLE_SYMLINKS: "1" } });
    const path = await model.fetch("onnx/model.onnx");
    expect((await lstat(path)).isSymbolicLink()).toBe(false);
    await expectModel(path);
  });

  test("replaces a broken link and a blob of the wrong size", async () => {
    const model = await context.locate({});
    const path = await model.fetch("onnx/model.onnx");
    const blob = await realpath(path);
    await rm(blob);
    await expectModel(await model.fetch("onnx/model.onnx"));
    await writeFile(blob, "half");
    await expectModel(await model.fetch("onnx/model.onnx"));
    await rm(path);
    await symlink("nowhere", path);
    await expectModel(await model.fetch("onnx/model.onnx"));
  });
});

describe("a connection that fails", () => {
  test("in the middle is taken up where it broke", async () => {
    context.hub.addFaults(
      { host: "cdn", times: 1, does: { kind: "cut", afterBytes: 100_000 } },
      { host: "cdn", times: 1, does: { kind: "cut", afterBytes: 50_000 } },
    );
    const path = await (await context.locate({})).fetch("onnx/model.onnx");
    await expectModel(path);
    const starts = content().map(({ range }) => Number(/\d+/.exec(range ?? "0")));
    expect(starts).toHaveLength(3);
    expect(starts[0]).toBe(0);
    // The end of what was sent may be lost with the connection.
    expect(starts[1]).toBeLessThanOrEqual(100_000);
    expect(starts[2]).toBeLessThanOrEqual((starts[1] ?? 0) + 50_000);
  });

  test("by falling silent is noticed and taken up", async () => {
    context.hub.addFaults({ host: "cdn", times: 1, does: { kind: "stall", afterBytes: 100_000 } });
    const path = await (await context.locate({}, hasty)).fetch("onnx/model.onnx");
    await expectModel(path);
    expect(content()[1]?.range).toBe("bytes=100000-");
  });

  test("before an answer is tried again: hang-ups, silence, 500, 503 and 429 with Retry-After", async () => {
    const answer = (status: number, headers = {}) => ({ kind: "answer", status, headers }) as const;
    context.hub.addFaults(
      { host: "hub", times: 1, does: { kind: "hang-up" } },
      { host: "hub", times: 1, does: answer(500) },
      { host: "hub", times: 1, does: answer(429, { "retry-after": "0" }) },
      { host: "hub", method: "HEAD", times: 1, does: { kind: "silence" } },
      { host: "hub", method: "HEAD", times: 1, does: answer(503) },
      { host: "cdn", times: 1, does: answer(502) },
      // A signed address that has run out: the hub gives a fresh one.
      { host: "cdn", times: 1, does: answer(403) },
    );
    const path = await (await context.locate({}, hasty)).fetch("onnx/model.onnx");
    await expectModel(path);
  });

  test("again and again without a byte is given up, and what was loaded is kept for the next time", async () => {
    context.hub.addFaults(
      { host: "cdn", times: 1, does: { kind: "stall", afterBytes: 120_000 } },
      { host: "cdn", does: { kind: "hang-up" } },
    );
    const model = await context.locate({}, hasty);
    const failure = await model.fetch("onnx/model.onnx").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "network", retryable: true });
    expect(String(failure)).toContain("hf download org/name`");
    expect(String(failure)).not.toContain("X-Amz-Signature");
    expect((await blobs()).filter((name) => name.endsWith(".parked.incomplete"))).toHaveLength(1);

    context.hub.clearFaults();
    context.hub.forgetRequests();
    await expectModel(await model.fetch("onnx/model.onnx"));
    expect(content()).toEqual([{ method: "GET", range: "bytes=120000-" }]);
    expect((await blobs()).filter((name) => name.includes("incomplete"))).toEqual([]);
  });

  test("a server that knows no ranges, or sends another one, still gives the right file", async () => {
    for (const kind of ["no-ranges", "wrong-range"] as const) {
      context.hub.addFaults(
        { host: "cdn", times: 1, does: { kind: "cut", afterBytes: 100_000 } },
        { host: "cdn", times: 1, does: { kind } },
      );
      const seen: number[] = [];
      const model = await context.locate({ onProgress: ({ loadedBytes }) => seen.push(loadedBytes) });
      await expectModel(await model.fetch("onnx/model.onnx"));
      expect(seen.some((bytes, index) => bytes < (seen[index - 1] ?? 0))).toBe(true);
      await rm(repository("blobs"), { recursive: true });
    }
  });
});

describe("what an earlier download left", () => {
  async function leave(name: string, bytes: Uint8Array, ageMs = 0): Promise<void> {
    const path = await (await context.locate({})).fetch("onnx/model.onnx");
    const blob = await realpath(path);
    await rm(blob);
    await writeFile(`${blob}${name}`, bytes);
    const time = (Date.now() - ageMs) / 1000;
    await utimes(`${blob}${name}`, time, time);
    context.hub.forgetRequests();
  }

  test("is continued, also when Python or a killed process left it", async () => {
    for (const [name, ageMs] of [
      [".parked.incomplete", 0],
      [".incomplete", 3_600_000],
      [".0123abcd.incomplete", 3_600_000],
    ] as const) {
      await leave(name, MODEL.subarray(0, 200_000), ageMs);
      await expectModel(await (await context.locate({})).fetch("onnx/model.onnx"));
      expect(content()).toEqual([{ method: "GET", range: "bytes=200000-" }]);
    }
  });

  test("is left alone while another process may be writing it", async () => {
    await leave(".0123abcd.incomplete", MODEL.subarray(0, 200_000));
    await expectModel(await (await context.locate({})).fetch("onnx/model.onnx"));
    expect(content()).toEqual([{ method: "GET", range: undefined }]);
    expect((await blobs()).filter((name) => name.endsWith(".0123abcd.incomplete"))).toHaveLength(1);
  });

  test("is begun anew when it is damaged or too long", async () => {
    for (const bytes of [Buffer.alloc(200_000, "?"), Buffer.alloc(500_000, "?"), Buffer.alloc(400_000, "?")]) {
      await leave(".parked.incomplete", bytes);
      await expectModel(await (await context.locate({})).fetch("onnx/model.onnx"));
    }
  });

  test("is enough when it is the whole", async () => {
    await leave(".parked.incomplete", MODEL);
    await expectModel(await (await context.locate({})).fetch("onnx/model.onnx"));
    expect(content()).toEqual([]);
  });
});

describe("at the same time", () => {
  test("callers in one process share one download, each with its own progress", async () => {
    const seen = [0, 0];
    const models = await Promise.all(
      [0, 1].map((index) =>
        context.locate({
          onProgress: ({ loadedBytes }) => {
            seen[index] = loadedBytes;
          },
        }),
      ),
    );
    const paths = await Promise.all(models.map((model) => model.fetch("onnx/model.onnx")));
    expect(new Set(paths).size).toBe(1);
    expect(content()).toHaveLength(1);
    expect(seen).toEqual([MODEL.length, MODEL.length]);
  });

  test("two processes both end with a whole file", async () => {
    // A second copy of the modules shares nothing with the first but the disk, as a second process does.
    vi.resetModules();
    const other: typeof import("./locate-model.ts") = await import("./locate-model.ts");
    const environment = { HF_ENDPOINT: context.hub.endpoint };
    const models = [
      await context.locate({}),
      await other.locateModel({ model: "org/name", cacheDir: context.cacheDir }, { environment }),
    ];
    const paths = await Promise.all(models.map((model) => model.fetch("onnx/model.onnx")));
    expect(content()).toHaveLength(2);
    for (const path of paths) await expectModel(path);
    expect((await blobs()).filter((name) => name.includes("incomplete"))).toEqual([]);
  });
});

describe("an abort", () => {
  test("stops a download at once and keeps what is there", async () => {
    context.hub.addFaults({ host: "cdn", times: 1, does: { kind: "stall", afterBytes: 100_000 } });
    const controller = new AbortController();
    const onProgress = ({ loadedBytes }: ModelProgress) => {
      if (loadedBytes === 100_000) controller.abort(new Error("changed my mind"));
    };
    const model = await context.locate({ signal: controller.signal, onProgress });
    await expect(model.fetch("onnx/model.onnx")).rejects.toMatchObject({ code: "aborted" });
    await expect(model.fetch("config.json")).rejects.toMatchObject({ code: "aborted" });

    await vi.waitFor(async () => expect((await blobs()).join()).toContain(".parked.incomplete"));
    await expectModel(await (await context.locate({})).fetch("onnx/model.onnx"));
    expect(content().at(-1)?.range).toBe("bytes=100000-");
  });

  test("of one caller leaves the others their download", async () => {
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    context.hub.addFaults({ host: "cdn", does: { kind: "wait", until } });
    const controller = new AbortController();
    const [aborted, other] = [
      (await context.locate({ signal: controller.signal })).fetch("onnx/model.onnx"),
      (await context.locate({})).fetch("onnx/model.onnx"),
    ];
    await vi.waitFor(() => expect(content()).toHaveLength(1));
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: "aborted" });
    release();
    await expectModel(await other);
    expect(content()).toHaveLength(1);
  });

  test.each(["silence", "answer"] as const)("ends the look-up while the hub gives %s", async (kind) => {
    const does = kind === "silence" ? { kind } : ({ kind, status: 429, headers: { "retry-after": "30" } } as const);
    context.hub.addFaults({ does });
    const controller = new AbortController();
    const located = context.locate({ signal: controller.signal }, { patience: { longestDelayMs: 60_000 } });
    await vi.waitFor(() => expect(context.hub.requests).toHaveLength(1));
    controller.abort();
    await expect(located).rejects.toMatchObject({ code: "aborted" });
  });

  test("a progress callback that throws fails its own caller only", async () => {
    const failing = await context.locate({
      onProgress: () => {
        throw new Error("mine");
      },
    });
    const [own, other] = await Promise.allSettled([
      failing.fetch("onnx/model.onnx"),
      (await context.locate({})).fetch("onnx/model.onnx"),
    ]);
    expect(own).toMatchObject({ status: "rejected", reason: { message: "mine" } });
    expect(other?.status).toBe("fulfilled");
  });
});

test("a cache that cannot be written says so and what to do", async () => {
  const cacheDir = join(context.cacheDir, "a-file");
  await writeFile(cacheDir, "");
  const model = await context.locate({ cacheDir });
  await expect(model.fetch("config.json")).rejects.toMatchObject({
    code: "network",
    retryable: false,
    message: expect.stringMatching(/cannot be stored in the cache .*`cacheDir`/),
  });
});
