import { describe, expect, it } from "vitest";
import { applySettings, readTokenizerSettings, vocabularyFiles } from "./tokenizer-settings.ts";

const BERT = { model_type: "bert" };
const NORMALIZER = { type: "BertNormalizer", lowercase: true, strip_accents: null, handle_chinese_chars: true };

function applied(file: object, tokenizer: object, config: object = BERT, sentence: object = {}) {
  const settings = readTokenizerSettings({ ...tokenizer }, { ...config }, { ...sentence });
  return applySettings({ ...file }, settings);
}

describe("tokenizer settings", () => {
  it("change the normalizer of a BERT tokenizer where they say something", () => {
    const file = { normalizer: NORMALIZER };
    expect(applied(file, { do_lower_case: false, strip_accents: false, tokenize_chinese_chars: false })).toEqual({
      normalizer: { type: "BertNormalizer", lowercase: false, strip_accents: false, handle_chinese_chars: false },
    });
    const accents = { normalizer: { ...NORMALIZER, strip_accents: false } };
    expect(applied(accents, { tokenizer_class: "ElectraTokenizerFast", strip_accents: null })).toEqual(file);
    expect(applied(accents, { do_lower_case: "yes" })).toEqual(accents);
  });

  it("leave the normalizers of other tokenizers", () => {
    const file = { normalizer: NORMALIZER };
    expect(applied(file, { do_lower_case: false, tokenizer_class: "PreTrainedTokenizerFast" })).toEqual(file);
    expect(applied(file, { do_lower_case: false }, { model_type: "deberta-v2" })).toEqual(file);
    expect(applied({ normalizer: null }, { do_lower_case: false })).toEqual({ normalizer: null });
    expect(applied({ normalizer: { type: "Lowercase" } }, { do_lower_case: false })).toEqual({
      normalizer: { type: "Lowercase" },
    });
  });

  it("give back the same file where nothing changes, so that it is not written again", () => {
    const file = { normalizer: NORMALIZER, pre_tokenizer: { type: "BertPreTokenizer" } };
    const settings = readTokenizerSettings({ do_lower_case: true, strip_accents: null }, BERT, {});
    expect(applySettings(file, settings)).toBe(file);
  });

  it("decide about the space before RoBERTa's first word", () => {
    const file = { pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true } };
    const roberta = { model_type: "roberta" };
    expect(applied(file, { add_prefix_space: true }, roberta)).toEqual({
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: true, use_regex: true },
    });
    expect(applied(file, {}, roberta)).toEqual(file);
    expect(applied(file, { add_prefix_space: true, tokenizer_class: "PreTrainedTokenizerFast" }, roberta)).toEqual(
      file,
    );
  });

  it("put texts into lower case first where sentence-transformers does", () => {
    const lower = { type: "Lowercase" };
    const both = (normalizer: unknown) => applied({ normalizer }, {}, {}, { do_lower_case: true });
    expect(both(null)).toEqual({ normalizer: { type: "Sequence", normalizers: [lower] } });
    expect(both({ type: "NFC" })).toEqual({ normalizer: { type: "Sequence", normalizers: [lower, { type: "NFC" }] } });
    const sequence = { type: "Sequence", normalizers: [{ type: "NFC" }, lower] };
    expect(both(sequence)).toEqual({ normalizer: sequence });
    expect(both(lower)).toEqual({ normalizer: lower });
  });

  it("say whether tokens are marked by their text", () => {
    const marks = (tokenizer: object, config: object = BERT) =>
      readTokenizerSettings({ ...tokenizer }, { ...config }, {}).marksTexts;
    expect(marks({})).toBe(true);
    expect(marks({ tokenizer_class: "PreTrainedTokenizerFast" })).toBe(true);
    expect(marks({ model_input_names: ["input_ids", "attention_mask"] })).toBe(false);
    expect(marks({ tokenizer_class: "XLMRobertaTokenizerFast" })).toBe(false);
    expect(marks({}, { model_type: "roberta" })).toBe(false);
    expect(marks({ model_input_names: ["input_ids", "token_type_ids"] }, { model_type: "roberta" })).toBe(true);
  });

  it("know which vocabularies a tokenizer is made of", () => {
    const files = (tokenizer: object, config: object) =>
      vocabularyFiles(readTokenizerSettings({ ...tokenizer }, { ...config }, {}));
    expect(files({}, BERT)).toEqual(["vocab.txt"]);
    expect(files({ tokenizer_class: "ElectraTokenizer" }, { model_type: "x" })).toEqual(["vocab.txt"]);
    expect(files({}, { model_type: "roberta" })).toEqual(["vocab.json", "merges.txt"]);
    expect(files({}, { ...BERT, tokenizer_class: "BertJapaneseTokenizer" })).toEqual([]);
    expect(files({ tokenizer_class: "PhobertTokenizer" }, { model_type: "roberta" })).toEqual([]);
    expect(files({}, { model_type: "constructor" })).toEqual([]);
  });

  it("name the special tokens, by default those of the class", () => {
    const special = (tokenizer: object, config: object) =>
      readTokenizerSettings({ ...tokenizer }, { ...config }, {}).special;
    expect(special({ sep_token: { content: "[END]" } }, BERT)).toMatchObject({ start: "[CLS]", separator: "[END]" });
    expect(special({ cls_token: "<cls>" }, { model_type: "roberta" })).toMatchObject({ start: "<cls>", pad: "<pad>" });
  });
});
