import { PgVectorDBError } from "../errors.ts";
import { importOptional } from "../import-optional.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * A tokenizer from the text of a `tokenizer.json`, run by the official Rust implementation, so that ids are those of
 * Python. Truncation and padding sections in the file are switched off: who encodes pairs decides about both.
 *
 * @throws PgVectorDBError `missing_dependency`; `model_invalid` when the text is not a tokenizer
 */
export async function loadNativeTokenizer(tokenizerJson: string): Promise<Tokenizer> {
  const { Tokenizer: NativeTokenizer } = await importOptional("tokenizers", () => import("tokenizers"), {
    neededFor: "Reading this model's tokenizer.json",
  });
  const tokenizer = parse(() => NativeTokenizer.fromString(tokenizerJson));
  tokenizer.disableTruncation();
  tokenizer.disablePadding();
  return {
    async encode(text) {
      // The cause is left out: it may quote the text.
      const encoding = await tokenizer.encode(text, null, { addSpecialTokens: false }).catch(() => {
        throw new PgVectorDBError(
          "model_invalid",
          "The model's tokenizer.json cannot encode a text, as when it has no token for what is unknown.",
        );
      });
      return encoding.getIds();
    },
    tokenToId: (token) => tokenizer.tokenToId(token) ?? undefined,
  };
}

function parse<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new PgVectorDBError("model_invalid", "The model's tokenizer.json is not a tokenizer that can be read.", {
      cause,
    });
  }
}
