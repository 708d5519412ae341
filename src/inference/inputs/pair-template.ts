import { PgVectorDBError } from "../../errors.ts";

/** A run of special tokens, or the place of the first (`A`) or second (`B`) text. */
export type TemplatePiece =
  | { readonly kind: "special"; readonly ids: readonly number[]; readonly typeId: number }
  | { readonly kind: "text"; readonly side: "A" | "B"; readonly typeId: number };

/** How a model expects one text, and a pair of texts, to be laid out between special tokens. */
export interface InputTemplates {
  readonly single: readonly TemplatePiece[];
  readonly pair: readonly TemplatePiece[];
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads the layout from the `post_processor` section of a tokenizer.json. Without one, texts follow each other bare,
 * as Python's `tokenizers` does.
 *
 * @throws PgVectorDBError `model_invalid` for a section of another kind
 */
export function readTemplates(postProcessor: unknown): InputTemplates {
  const section = findLayout(postProcessor);
  if (section === undefined) return { single: [text("A", 0)], pair: [text("A", 0), text("B", 1)] };
  switch (section["type"]) {
    case "TemplateProcessing":
      return { single: readTemplate(section, "single"), pair: readTemplate(section, "pair") };
    case "BertProcessing":
      return clsSepTemplates(section, { documentTypeId: 1, separators: 1 });
    case "RobertaProcessing":
      return clsSepTemplates(section, { documentTypeId: 0, separators: 2 });
    default:
      throw invalid(`of an unknown type (${String(section["type"])})`);
  }
}

/** The same layouts for a tokenizer that tells the model nothing of token types: they are all 0. */
export function withoutTypes({ single, pair }: InputTemplates): InputTemplates {
  const unmarked = (template: readonly TemplatePiece[]) => template.map((piece) => ({ ...piece, typeId: 0 }));
  return { single: unmarked(single), pair: unmarked(pair) };
}

/** How many special tokens a template adds. */
export function specialTokenCount(template: readonly TemplatePiece[]): number {
  return template.reduce((count, piece) => count + (piece.kind === "special" ? piece.ids.length : 0), 0);
}

/** `ByteLevel` only moves offsets; a `Sequence` lists it beside the section that adds the special tokens. */
function findLayout(postProcessor: unknown): Json | undefined {
  if (postProcessor === null || postProcessor === undefined) return undefined;
  const section = asObject(postProcessor);
  if (section["type"] === "ByteLevel") return undefined;
  if (section["type"] !== "Sequence") return section;
  const layouts = asArray(section["processors"]).map(findLayout);
  const found = layouts.filter((layout) => layout !== undefined);
  if (found.length > 1) throw invalid("with more than one layout of special tokens");
  return found[0];
}

function readTemplate(section: Json, name: "single" | "pair"): TemplatePiece[] {
  const specialTokens = asObject(section["special_tokens"]);
  const pieces = asArray(section[name]).map((entry): TemplatePiece => {
    const { SpecialToken: special, Sequence: sequence } = asObject(entry);
    if (special !== undefined) {
      const { id, type_id: typeId } = asObject(special);
      const ids = asArray(asObject(specialTokens[String(id)])["ids"]).map(asId);
      return { kind: "special", ids, typeId: asId(typeId) };
    }
    const { id, type_id: typeId } = asObject(sequence);
    if (id !== "A" && id !== "B") throw invalid("with a text that is neither A nor B");
    return text(id, asId(typeId));
  });
  const sides = pieces.map((piece) => (piece.kind === "text" ? piece.side : "")).join("");
  if (sides !== (name === "single" ? "A" : "AB"))
    throw invalid(`whose \`${name}\` layout does not hold each text once`);
  return pieces;
}

function clsSepTemplates(section: Json, kind: { documentTypeId: number; separators: number }): InputTemplates {
  const special = (name: string, count: number, typeId: number): TemplatePiece => {
    const id = asId(asArray(section[name])[1]);
    return { kind: "special", ids: new Array<number>(count).fill(id), typeId };
  };
  const single = [special("cls", 1, 0), text("A", 0), special("sep", 1, 0)];
  return {
    single,
    pair: [
      ...single.slice(0, -1),
      special("sep", kind.separators, 0),
      text("B", kind.documentTypeId),
      special("sep", 1, kind.documentTypeId),
    ],
  };
}

function text(side: "A" | "B", typeId: number): TemplatePiece {
  return { kind: "text", side, typeId };
}

function asObject(value: unknown): Json {
  if (typeof value !== "object" || value === null) throw invalid("with a missing part");
  return value as Json;
}

function asArray(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid("with a missing list");
  return value;
}

function asId(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 0) throw invalid("with an id that is not a whole number");
  return value as number;
}

function invalid(what: string): PgVectorDBError {
  return new PgVectorDBError("model_invalid", `The model's tokenizer.json has a post-processor ${what}.`);
}
