export type { Embedder, EmbedOptions, Vector } from "../contracts/embedder.ts";
export { PgVectorDBError, type PgVectorDBErrorCode } from "../errors.ts";
export { createBuiltinEmbedder } from "./builtin-embedder.ts";
export {
  type EmbedCall,
  type EmbedText,
  type EmbedTexts,
  type FunctionEmbedderOptions,
  fromFunction,
} from "./function-embedder.ts";
export { createLocalEmbedder, type LocalEmbedder, type LocalEmbedderOptions } from "./local-embedder.ts";
export { createStaticEmbedder, type StaticEmbedderOptions } from "./static-embedder.ts";
