import type { DocumentInput } from "../../contracts/collection.ts";
import { splitText } from "../../split/split-text.ts";
import type { SourceRecord } from "./source-record.ts";

/** What every passage that `pgvectordb index` writes has in its metadata, beside the fields of its record. */
export interface PassageMetadata {
  readonly source: {
    /** The file, from the folder that the command ran in. */
    readonly path: string;
    /** The record's own id, where the file has records. */
    readonly document?: string;
    readonly title?: string;
    readonly headings?: readonly string[];
  };
  readonly [field: string]: unknown;
}

/**
 * The passages of a text. Their ids name the file, the record and, from the second one on, the passage:
 * `docs/a.md#0`, `docs/a.md#1`; `corpus.jsonl#id7`, `corpus.jsonl#id7#1`.
 */
export function toPassages(
  path: string,
  { document, title, text, fields }: SourceRecord,
  maxCharacters: number,
): Exclude<DocumentInput<PassageMetadata>, string>[] {
  const titled = title === undefined || text.startsWith(title) ? text : `${title}\n\n${text}`;
  return splitText(titled.replaceAll("\0", ""), { maxCharacters }).map(({ content, headings = [] }, position) => ({
    id: passageId(path, document, position),
    content: withHeadings(content, headings),
    metadata: {
      ...fields,
      source: {
        path,
        ...(document === undefined ? {} : { document }),
        ...(title === undefined ? {} : { title }),
        ...(headings.length === 0 ? {} : { headings }),
      },
    },
  }));
}

/** The file that a passage is of; `undefined` for an id that is not a passage's. */
export function pathOfPassage(id: string): string | undefined {
  const end = id.indexOf("#");
  return end === -1 ? undefined : id.slice(0, end).replaceAll("%23", "#").replaceAll("%25", "%");
}

function passageId(path: string, document: string | undefined, position: number): string {
  const parts =
    document === undefined ? [path, `${position}`] : [path, document, ...(position === 0 ? [] : [`${position}`])];
  return parts.map((part) => part.replaceAll("%", "%25").replaceAll("#", "%23")).join("#");
}

/** A passage from the middle of a section opens with where it is, so that a search for the section finds it. */
function withHeadings(content: string, headings: readonly string[]): string {
  return headings.length === 0 || content.startsWith("#") ? content : `${headings.join(" > ")}\n${content}`;
}
