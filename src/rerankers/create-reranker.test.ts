import { describe, expect, expectTypeOf, it } from "vitest";
import type { BaseReranker } from "./base-reranker.ts";
import { createReranker } from "./create-reranker.ts";
import { CrossEncoderReranker } from "./cross-encoder-reranker.ts";
import { HuggingFaceReranker } from "./hugging-face-reranker.ts";

describe("createReranker", () => {
  it("knows names in any spelling, and aliases", () => {
    for (const name of ["cross_encoder", "cross-encoder", "Cross_Encoder", "crossencoder", "CROSSENCODER"]) {
      expect(createReranker(name)).toBeInstanceOf(CrossEncoderReranker);
    }
    for (const name of ["huggingface", "hf", "HF", "HuggingFace"]) {
      expect(createReranker(name)).toBeInstanceOf(HuggingFaceReranker);
    }
  });

  it("lists the known names for an unknown one", () => {
    for (const name of ["flashrank", "", "constructor", "__proto__"]) {
      expect(() => createReranker(name)).toThrow(
        expect.objectContaining({
          code: "invalid_argument",
          message: expect.stringMatching(/cross_encoder, huggingface/),
        }),
      );
    }
    expect(() => createReranker(undefined as unknown as string)).toThrow(/`backend`/);
  });

  it("passes options on to be checked", () => {
    const options: object = { batchsize: 3 };
    expect(() => createReranker("cross_encoder", options)).toThrow(/`batchsize`/);
  });

  it("is typed by the name", () => {
    expectTypeOf(createReranker("Cross-Encoder", { model: "builtin" })).toEqualTypeOf<CrossEncoderReranker>();
    expectTypeOf(createReranker("hf", { dtype: "int8" })).toEqualTypeOf<HuggingFaceReranker>();
    expectTypeOf(createReranker("hf" as string)).toEqualTypeOf<BaseReranker>();
    // @ts-expect-error an option that the backend does not have
    expect(() => createReranker("cross_encoder", { apiKey: "x" })).toThrow(/`apiKey`/);
    // @ts-expect-error a name that no backend has takes no options
    expect(() => createReranker("no_such_backend", {})).toThrow(/no_such_backend/);
  });
});
