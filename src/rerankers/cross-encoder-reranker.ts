import { BaseReranker, type Scores } from "./base-reranker.ts";

/** Stands in until the built-in model is there. */
export class CrossEncoderReranker extends BaseReranker {
  readonly name = "cross_encoder";

  constructor(_options: { readonly model: string }) {
    super();
  }

  protected override async score(): Promise<Scores> {
    throw new Error("The built-in cross-encoder is not in this build.");
  }
}
