import { PgVectorDBError } from "../errors.ts";
import { type AddedToken, withSpecial } from "./added-tokens.ts";
import type { SpecialTokens } from "./special-tokens.ts";

/**
 * The contents of the `tokenizer.json` that Python's RobertaTokenizer makes of a `vocab.json` and a `merges.txt`.
 *
 * @throws PgVectorDBError `model_invalid` when the vocabulary is none, or lacks a special token
 */
export function robertaTokenizerFile(
  vocabulary: string,
  merges: string,
  special: SpecialTokens,
  added: readonly AddedToken[] = [],
): Record<string, unknown> {
  const vocab = parseVocabulary(vocabulary);
  const idOf = (token: string): number => {
    const id = Object.hasOwn(vocab, token) ? vocab[token] : undefined;
    if (typeof id === "number") return id;
    throw invalid(`has no token ${JSON.stringify(token).slice(0, 60)}, which its tokenizer needs`);
  };
  const { start, separator } = special;
  return {
    added_tokens: withSpecial(special, added, idOf),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: "RobertaProcessing",
      sep: [separator, idOf(separator)],
      cls: [start, idOf(start)],
      trim_offsets: true,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: readMerges(merges, vocab),
    },
  };
}

function parseVocabulary(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below: the parser's message would quote the file.
  }
  throw invalid("is not a JSON object");
}

/** One pair a line, behind a line with the version. */
function readMerges(text: string, vocab: Readonly<Record<string, unknown>>): string[] {
  const lines = text.split("\n").map((line) => line.trimEnd());
  const merges = lines.filter((line) => line !== "" && !line.startsWith("#version"));
  for (const merge of merges) {
    const parts = merge.split(" ");
    if (parts.length === 2 && [...parts, parts.join("")].every((part) => Object.hasOwn(vocab, part))) continue;
    throw new PgVectorDBError(
      "model_invalid",
      "The model's merges.txt has a line that is not two pieces of vocab.json which make a third. Choose a model that has a tokenizer.json.",
    );
  }
  return merges;
}

function invalid(what: string): PgVectorDBError {
  return new PgVectorDBError(
    "model_invalid",
    `The model's vocab.json ${what}. Choose a model that has a tokenizer.json.`,
  );
}
