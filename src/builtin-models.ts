import type { Embedder } from "./contracts/embedder.ts";
import type { Reranker } from "./contracts/reranker.ts";
import { createBuiltinEmbedder } from "./embedders/builtin-embedder.ts";
import { loadOnce } from "./load-once.ts";

/** The models that come with the package: made when first needed, shared by all collections, closed with the database. */
export class BuiltinModels {
  readonly #opened: { close?(): Promise<void> }[] = [];

  readonly embedder = loadOnce(async (): Promise<Embedder> => this.#keep(createBuiltinEmbedder()));

  readonly reranker = loadOnce(async (): Promise<Reranker> => {
    // Imported late: it brings the model runtime along.
    const { CrossEncoderReranker } = await import("./rerankers/cross-encoder-reranker.ts");
    return this.#keep(new CrossEncoderReranker({ model: "builtin" }));
  });

  async close(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map((model) => model.close?.()));
  }

  #keep<Model extends { close?(): Promise<void> }>(model: Model): Model {
    this.#opened.push(model);
    return model;
  }
}
