import { loadNativeTokenizer } from "./native-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { WordPieceTokenizer } from "./wordpiece-tokenizer.ts";

/**
 * A tokenizer from the text of a `tokenizer.json`: our own for BERT WordPiece, which needs no native package and is
 * faster, the official implementation for all else.
 *
 * @throws PgVectorDBError `missing_dependency`; `model_invalid` when the text is not a tokenizer
 */
export async function loadTokenizer(tokenizerJson: string): Promise<Tokenizer> {
  return WordPieceTokenizer.fromJson(parse(tokenizerJson)) ?? loadNativeTokenizer(tokenizerJson);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The native tokenizer says what is wrong with the file.
    return undefined;
  }
}
