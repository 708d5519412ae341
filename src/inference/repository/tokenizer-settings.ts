import { type AddedToken, readAddedTokens } from "../../tokenizers/added-tokens.ts";
import { BERT_SPECIAL_TOKENS, ROBERTA_SPECIAL_TOKENS, type SpecialTokens } from "../../tokenizers/special-tokens.ts";
import { asObject, type JsonObject } from "./json-object.ts";

/** What a repository says of its tokenizer outside of tokenizer.json. Plain data: it is sent to the worker. */
export interface TokenizerSettings {
  /** The Python class that reads it, without the ending "Fast"; `undefined` where only its family is known to have one. */
  readonly name: string | undefined;
  /** Whether it tells the model which of the two texts a token is of. Without it all tokens have type 0. */
  readonly marksTexts: boolean;
  /** Fields of a `BertNormalizer` that take the place of tokenizer.json's. */
  readonly normalizer: JsonObject;
  /** The same for the `add_prefix_space` of byte-level pieces. */
  readonly prefixSpace: boolean | undefined;
  /** Whether sentence-transformers puts texts into lower case before all else. */
  readonly lowercases: boolean;
  /** For a vocabulary without a tokenizer.json, which does not say which these are. */
  readonly special: SpecialTokens;
  /** For such a vocabulary: the tokens that were added to it. */
  readonly added: readonly AddedToken[];
}

/** The classes that `AutoTokenizer` takes where no file names one. */
const NAMES: Readonly<Record<string, string>> = {
  bert: "BertTokenizer",
  camembert: "CamembertTokenizer",
  distilbert: "DistilBertTokenizer",
  electra: "ElectraTokenizer",
  mpnet: "MPNetTokenizer",
  roberta: "RobertaTokenizer",
  "xlm-roberta": "XLMRobertaTokenizer",
};

/** BERT's own, and those that are it under another name. */
const BERT_NAMES: ReadonlySet<string> = new Set(["BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"]);

/** Their settings win over the normalizer of tokenizer.json, in every version of `transformers`. */
const NORMALIZING_NAMES: ReadonlySet<string> = new Set([...BERT_NAMES, "MPNetTokenizer"]);

/** They give no token types unless tokenizer_config.json says so. */
const UNMARKED_NAMES: ReadonlySet<string> = new Set([
  "CamembertTokenizer",
  "DistilBertTokenizer",
  "MPNetTokenizer",
  "RobertaTokenizer",
  "TokenizersBackend",
  "XLMRobertaTokenizer",
]);

/** By field of tokenizer_config.json. */
const NORMALIZER_FIELDS = {
  do_lower_case: "lowercase",
  strip_accents: "strip_accents",
  tokenize_chinese_chars: "handle_chinese_chars",
} as const;

/**
 * @param tokenizer tokenizer_config.json
 * @param config config.json
 * @param sentence sentence_bert_config.json, where sentence-transformers reads it
 * @param addedTokens added_tokens.json
 */
export function readTokenizerSettings(
  tokenizer: JsonObject,
  config: JsonObject,
  sentence: JsonObject,
  addedTokens: JsonObject = {},
): TokenizerSettings {
  const name = readName(tokenizer, config);
  const { model_input_names: inputs, add_prefix_space: prefixSpace } = tokenizer;
  const special = name === "RobertaTokenizer" ? ROBERTA_SPECIAL_TOKENS : BERT_SPECIAL_TOKENS;
  return {
    name,
    marksTexts: Array.isArray(inputs) ? inputs.includes("token_type_ids") : !UNMARKED_NAMES.has(name ?? ""),
    normalizer: NORMALIZING_NAMES.has(name ?? "") ? readNormalizer(tokenizer) : {},
    prefixSpace: name === "RobertaTokenizer" && typeof prefixSpace === "boolean" ? prefixSpace : undefined,
    lowercases: sentence["do_lower_case"] === true,
    added: readAddedTokens(addedTokens, tokenizer["added_tokens_decoder"]),
    special: {
      pad: tokenText(tokenizer["pad_token"]) ?? special.pad,
      unknown: tokenText(tokenizer["unk_token"]) ?? special.unknown,
      start: tokenText(tokenizer["cls_token"]) ?? special.start,
      separator: tokenText(tokenizer["sep_token"]) ?? special.separator,
      mask: tokenText(tokenizer["mask_token"]) ?? special.mask,
    },
  };
}

/** The files of which Python makes the tokenizer where there is no tokenizer.json; none for other tokenizers. */
export function vocabularyFiles({ name = "" }: TokenizerSettings): readonly string[] {
  if (BERT_NAMES.has(name)) return ["vocab.txt"];
  return name === "RobertaTokenizer" ? ["vocab.json", "merges.txt"] : [];
}

/** A tokenizer.json with what the settings change in it; the same object where they change nothing. */
export function applySettings(file: JsonObject, settings: TokenizerSettings): JsonObject {
  const { normalizer: fields, prefixSpace, lowercases } = settings;
  let normalizer = asObject(file["normalizer"]);
  if (normalizer?.["type"] === "BertNormalizer") normalizer = withFields(normalizer, fields);
  if (lowercases) normalizer = lowercaseFirst(normalizer);
  const splitter = asObject(file["pre_tokenizer"]);
  const changed =
    splitter?.["type"] === "ByteLevel" && prefixSpace !== undefined
      ? withFields(file, { pre_tokenizer: withFields(splitter, { add_prefix_space: prefixSpace }) })
      : file;
  return normalizer === undefined ? changed : withFields(changed, { normalizer });
}

/** A special token may be written as an object with its flags. */
export function tokenText(token: unknown): string | undefined {
  const content = typeof token === "string" ? token : asObject(token)?.["content"];
  return typeof content === "string" ? content : undefined;
}

function readName(tokenizer: JsonObject, config: JsonObject): string | undefined {
  const named = tokenizer["tokenizer_class"] ?? config["tokenizer_class"];
  if (typeof named === "string") return named.replace(/Fast$/, "");
  const family = String(config["model_type"]);
  return Object.hasOwn(NAMES, family) ? NAMES[family] : undefined;
}

function readNormalizer(tokenizer: JsonObject): JsonObject {
  const fields: Record<string, unknown> = {};
  for (const [from, to] of Object.entries(NORMALIZER_FIELDS)) {
    const value = tokenizer[from];
    // Only `strip_accents` has a meaning for null: as `lowercase` says.
    if (typeof value === "boolean" || (value === null && from === "strip_accents")) fields[to] = value;
  }
  return fields;
}

function lowercaseFirst(normalizer: JsonObject | undefined): JsonObject {
  const parts = normalizer?.["type"] === "Sequence" ? normalizer["normalizers"] : normalizer && [normalizer];
  const steps: readonly unknown[] = Array.isArray(parts) ? parts : [];
  if (steps.some((step) => asObject(step)?.["type"] === "Lowercase")) return normalizer as JsonObject;
  return { type: "Sequence", normalizers: [{ type: "Lowercase" }, ...steps] };
}

function withFields(object: JsonObject, fields: JsonObject): JsonObject {
  const isSame = Object.entries(fields).every(([name, value]) => object[name] === value);
  return isSame ? object : { ...object, ...fields };
}
