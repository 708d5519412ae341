import { describe, expect, it } from "vitest";
import { readTemplates, specialTokenCount } from "./pair-template.ts";

const special = (typeId: number, ...ids: number[]) => ({ kind: "special", ids, typeId });
const text = (side: string, typeId: number) => ({ kind: "text", side, typeId });

const template = {
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [
    { SpecialToken: { id: "<s>", type_id: 0 } },
    { Sequence: { id: "A", type_id: 0 } },
    { SpecialToken: { id: "</s>", type_id: 1 } },
    { Sequence: { id: "B", type_id: 1 } },
  ],
  special_tokens: { "<s>": { id: "<s>", ids: [5], tokens: ["<s>"] }, "</s>": { id: "</s>", ids: [6, 7], tokens: [] } },
};

describe("readTemplates", () => {
  it("reads a template", () => {
    const { single, pair } = readTemplates(template);
    expect(single).toEqual([special(0, 5), text("A", 0)]);
    expect(pair).toEqual([special(0, 5), text("A", 0), special(1, 6, 7), text("B", 1)]);
    expect(specialTokenCount(pair)).toBe(3);
  });

  it("knows BERT's and RoBERTa's own sections", () => {
    const bert = readTemplates({ type: "BertProcessing", sep: ["[SEP]", 102], cls: ["[CLS]", 101] });
    expect(bert.single).toEqual([special(0, 101), text("A", 0), special(0, 102)]);
    expect(bert.pair).toEqual([special(0, 101), text("A", 0), special(0, 102), text("B", 1), special(1, 102)]);
    const roberta = readTemplates({ type: "RobertaProcessing", sep: ["</s>", 2], cls: ["<s>", 0] });
    expect(roberta.pair).toEqual([special(0, 0), text("A", 0), special(0, 2, 2), text("B", 0), special(0, 2)]);
  });

  it("finds the layout inside a sequence", () => {
    expect(readTemplates({ type: "Sequence", processors: [{ type: "ByteLevel" }, template] })).toEqual(
      readTemplates(template),
    );
  });

  it("adds nothing where the tokenizer adds nothing", () => {
    for (const none of [null, undefined, { type: "ByteLevel" }, { type: "Sequence", processors: [] }]) {
      expect(readTemplates(none)).toEqual({ single: [text("A", 0)], pair: [text("A", 0), text("B", 1)] });
    }
  });

  it.each([
    ["an unknown type", { type: "Surprise" }],
    ["a missing special token", { ...template, special_tokens: {} }],
    ["a missing text", { ...template, pair: template.single }],
    ["texts in the wrong order", { ...template, pair: [...template.pair].reverse() }],
    ["ids that are no numbers", { type: "BertProcessing", sep: ["[SEP]", "102"], cls: ["[CLS]", 101] }],
    ["two layouts", { type: "Sequence", processors: [template, template] }],
    ["no object", "TemplateProcessing"],
  ])("refuses %s", (_, section) => {
    expect(() => readTemplates(section)).toThrow(expect.objectContaining({ code: "model_invalid" }));
  });
});
