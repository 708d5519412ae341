/** A text of a file: all of it, or one of its records. */
export interface SourceRecord {
  /** The record's own id, or its number in the file. Absent where the file is one text. */
  readonly document?: string;
  readonly title?: string;
  readonly text: string;
  /** The record's other fields. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Which fields of a record are what. */
export interface RecordFields {
  /** Its text: these fields, one after the other. Default: `content`, else `text`; of a CSV file that has neither, all of them. */
  readonly content?: readonly string[] | undefined;
  /** Default: `id`, else `_id`. */
  readonly id?: string | undefined;
}

/**
 * @param allFields whether a record without a known text field is all text
 * @returns what is wrong, for a record that has no text
 */
export function toSourceRecord(
  fields: Readonly<Record<string, unknown>>,
  { content, id = idField(fields) }: RecordFields,
  { allFields, number }: { readonly allFields: boolean; readonly number: number },
): SourceRecord | string {
  const names = content ?? textFields(fields);
  const isAll = names.length === 0 && allFields;
  const text = isAll ? listed(fields, id) : names.map((name) => asText(fields[name])).join("\n");
  if (text.trim() === "") {
    return `has no text in ${content === undefined ? "`content` or `text`; name the fields by --content" : content.map((name) => `\`${name}\``).join(", ")}`;
  }
  const title = content === undefined && !isAll ? asText(fields["title"]) : "";
  const used = new Set(isAll ? [id] : [...names, id]);
  const others = Object.entries(fields).filter(([name]) => !used.has(name));
  return {
    document: asText(fields[id]) || `${number}`,
    ...(title.trim() === "" ? {} : { title }),
    text,
    fields: Object.fromEntries(others),
  };
}

function idField(fields: Readonly<Record<string, unknown>>): string {
  return Object.hasOwn(fields, "id") ? "id" : "_id";
}

function textFields(fields: Readonly<Record<string, unknown>>): string[] {
  const name = ["content", "text"].find((known) => Object.hasOwn(fields, known));
  return name === undefined ? [] : [name];
}

function listed(fields: Readonly<Record<string, unknown>>, id: string): string {
  const stated = Object.entries(fields).filter(([name, value]) => name !== id && asText(value).trim() !== "");
  return stated.map(([name, value]) => `${name}: ${asText(value)}`).join("\n");
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? `${value}` : "";
}
