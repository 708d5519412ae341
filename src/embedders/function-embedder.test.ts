import { describe, expect, it, vi } from "vitest";
import { type FunctionEmbedderOptions, fromFunction } from "./function-embedder.ts";

const lengths = (texts: readonly string[]) => texts.map((text) => [text.length, 1]);

describe("fromFunction", () => {
  it("embeds documents and queries with one function", async () => {
    const embedder = fromFunction({ id: "lengths-v1", dimensions: 2, embed: lengths });
    expect(embedder).toMatchObject({ id: "lengths-v1", dimensions: 2 });
    expect(await embedder.embedDocuments(["a", "bcd"])).toEqual([
      [1, 1],
      [3, 1],
    ]);
    expect(await embedder.embedQuery("bc")).toEqual([2, 1]);
  });

  it("says what its ranking counts in a hybrid search", () => {
    const embedder = fromFunction({ id: "e", dimensions: 2, embed: lengths, hybridWeight: 2.5 });
    expect(embedder.hybridWeight).toBe(2.5);
    expect(fromFunction({ id: "e", dimensions: 2, embed: lengths }).hybridWeight).toBeUndefined();
  });

  it("embeds documents and queries with two functions", async () => {
    const embedder = fromFunction({
      id: "prefixed-v1",
      dimensions: 2,
      embedDocuments: async (texts) => lengths(texts.map((text) => `passage: ${text}`)),
      embedQuery: async (text) => Float32Array.of(`query: ${text}`.length, 1),
    });
    expect(await embedder.embedDocuments(["a"])).toEqual([[10, 1]]);
    expect(await embedder.embedQuery("a")).toEqual(Float32Array.of(8, 1));
  });

  it("gives nothing for nothing without a call, and well-formed text otherwise", async () => {
    const embed = vi.fn(lengths);
    const embedder = fromFunction({ id: "e", dimensions: 2, embed });
    expect(await embedder.embedDocuments([])).toEqual([]);
    expect(embed).not.toHaveBeenCalled();
    await embedder.embedDocuments(["a\ud800"]);
    expect(embed).toHaveBeenCalledWith(["a\ufffd"], expect.anything());
  });

  it("rejects at once when the caller aborts, and tells the function", async () => {
    const controller = new AbortController();
    let heard: AbortSignal | undefined;
    const embedder = fromFunction({
      id: "e",
      dimensions: 2,
      embed: (_, { signal }) => {
        heard = signal;
        return new Promise(() => {});
      },
    });
    const pending = embedder.embedDocuments(["a"], { signal: controller.signal });
    controller.abort();
    await expect(pending).rejects.toMatchObject({ code: "aborted" });
    expect(heard?.aborted).toBe(true);
  });

  it.each([
    ["too few vectors", () => [[1, 1]]],
    [
      "too many vectors",
      () => [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    ],
    ["no array", () => 5],
    ["a vector that is too short", () => [[1, 1], [1]]],
    ["a vector that is no array", () => [[1, 1], "11"]],
    [
      "a value that is not finite",
      () => [
        [1, 1],
        [1, Number.NaN],
      ],
    ],
    [
      "a value that is not a number",
      () => [
        [1, 1],
        [1, "1"],
      ],
    ],
    ["a hole", () => [[1, 1], new Array(2)]],
  ])("refuses an answer with %s", async (_, answer) => {
    const embedder = fromFunction({ id: "e", dimensions: 2, embed: answer as never });
    await expect(embedder.embedDocuments(["secret", "secret"])).rejects.toMatchObject({
      code: "invalid_response",
      message: expect.not.stringContaining("secret"),
    });
  });

  it("refuses a bad query vector of either kind", async () => {
    const one = fromFunction({ id: "e", dimensions: 2, embed: () => [[1]] });
    await expect(one.embedQuery("a")).rejects.toMatchObject({ code: "invalid_response" });
    const two = fromFunction({ id: "e", dimensions: 2, embedDocuments: lengths, embedQuery: () => [1] });
    await expect(two.embedQuery("a")).rejects.toMatchObject({ code: "invalid_response" });
  });

  it.each([
    [undefined, "`options`"],
    [{ dimensions: 2, embed: lengths }, "`id`"],
    [{ id: " ", dimensions: 2, embed: lengths }, "`id`"],
    [{ id: "e", dimensions: 0, embed: lengths }, "`dimensions`"],
    [{ id: "e", dimensions: "2", embed: lengths }, "`dimensions`"],
    [{ id: "e", dimensions: 2 }, "`embed`"],
    [{ id: "e", dimensions: 2, embedDocuments: lengths }, "`embedQuery`"],
    [{ id: "e", dimensions: 2, embed: lengths, embedQuery: lengths }, "`embed`"],
    [{ id: "e", dimensions: 2, embed: lengths, batch: 5 }, "`batch`"],
    [{ id: "e", dimensions: 2, embed: lengths, hybridWeight: -1 }, "`hybridWeight`"],
    [{ id: "e", dimensions: 2, embed: lengths, hybridWeight: Number.NaN }, "`hybridWeight`"],
  ])("refuses the options %j", (options, named) => {
    expect(() => fromFunction(options as unknown as FunctionEmbedderOptions)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(named) }),
    );
  });
});
