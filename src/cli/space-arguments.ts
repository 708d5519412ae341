import type { CollectionInfo } from "../contracts/collection.ts";
import type { Space, SpaceInfo, SpaceQuery } from "../contracts/space.ts";
import { numberOption, wrongUsage } from "./command-arguments.ts";

/** What `index --space` says of a new collection. */
export const SPACE_DECLARATION_HELP = `  --space <name=…>      of a new collection: an aspect that search --method multimodal can ask; may be repeated
                          title=text:title                 the meaning of a field (without ":title": of the content)
                          price=number:price:0..500:lower  a number in a range; lower, higher or nearest is better
                          brand=category:brand             one of some values
                          fresh=recency:released:365       a date; its score falls to 1/e in so many days
`;

/** What `search` and `eval` ask of them. */
export const ASPECT_OPTIONS = {
  space: { type: "string", multiple: true },
  weight: { type: "string", multiple: true },
} as const;

export const ASPECT_HELP = `  --space <name[=x]>    multimodal: a space to ask, and the value to be, or to be near to: --space brand=sony. May be
                        repeated, also for other values of one category
  --weight <name=n>     multimodal: what a space counts (default 1), or "semantic" and "keyword", the content's own two
`;

/** What a multimodal search asks beside its query. */
export interface Aspects {
  readonly spaces: Readonly<Record<string, SpaceQuery>>;
  readonly weights: Readonly<Record<string, number>>;
}

export interface AspectValues {
  readonly space?: readonly string[] | undefined;
  readonly weight?: readonly string[] | undefined;
}

/** The spaces of a new collection. @throws PgVectorDBError `invalid_argument` that names the space */
export function parseSpaces(declarations: readonly string[] | undefined): Record<string, Space> | undefined {
  if (declarations === undefined) return undefined;
  const spaces = new Map<string, Space>();
  for (const declaration of declarations) {
    const [name, text] = cut(declaration, "=");
    if (name === "" || text === undefined) {
      throw wrongUsage("index", "--space must be name=kind:field, such as brand=category:brand");
    }
    if (spaces.has(name)) throw wrongUsage("index", `--space ${name} is declared twice`);
    spaces.set(name, parseSpace(name, text));
  }
  return Object.fromEntries(spaces);
}

function parseSpace(name: string, text: string): Space {
  const [kind, rest] = cut(text, ":");
  // What the kind needs is counted from the end: a field's name may have colons.
  const parts = rest?.split(":") ?? [];
  if (kind === "text") return rest === undefined ? { kind } : { kind, field: rest };
  if (kind === "category" && rest !== undefined) return { kind, field: rest };
  if (kind === "recency" && parts.length >= 2) {
    return {
      kind,
      decayDays: numberOption("index", `space ${name}: its days`, parts.pop()) ?? 0,
      field: parts.join(":"),
    };
  }
  if (kind === "number" && parts.length >= 3) {
    // Whether there is such a preference is the library's to check.
    const prefer = parts.pop() as "lower";
    const [min, max] = cut(parts.pop() ?? "", "..").map((end) =>
      numberOption("index", `space ${name}: its range`, end ?? ""),
    );
    return { kind, field: parts.join(":"), min: min ?? Number.NaN, max: max ?? Number.NaN, prefer };
  }
  throw wrongUsage(
    "index",
    `--space ${name} must be one of: ${name}=text, ${name}=text:field, ${name}=number:field:min..max:lower, ${name}=category:field, ${name}=recency:field:days`,
  );
}

/** @throws PgVectorDBError `invalid_argument` when a search that is not multimodal is asked for what only such a one can give */
export function checkAspects(command: string, isMultimodal: boolean, { space, weight }: AspectValues): void {
  if (isMultimodal || (space === undefined && weight === undefined)) return;
  throw wrongUsage(command, "--space and --weight need --method multimodal");
}

/**
 * @param known the collection's spaces: their kinds say what a value is read as
 * @throws PgVectorDBError `invalid_argument` that names the space
 */
export function parseAspects(command: string, values: AspectValues, known: CollectionInfo["spaces"] = {}): Aspects {
  const weights = new Map((values.weight ?? []).map((text) => weightOf(command, text)));
  const given = new Map<string, string[]>();
  for (const text of values.space ?? []) {
    const [name, value] = cut(text, "=");
    given.set(name, [...(given.get(name) ?? []), ...(value === undefined ? [] : [value])]);
  }
  const own = new Map<string, number>();
  for (const name of ["semantic", "keyword"]) {
    const weight = weights.get(name);
    if (weight !== undefined) own.set(name, weight);
    weights.delete(name);
  }
  // A space that is weighed is asked for.
  for (const name of weights.keys()) if (!given.has(name)) given.set(name, []);
  const spaces = [...given].map(([name, texts]): [string, SpaceQuery] => {
    const space = Object.hasOwn(known, name) ? known[name] : undefined;
    return [name, { value: readValue(command, name, texts, space), weight: weights.get(name) }];
  });
  return { spaces: Object.fromEntries(spaces), weights: Object.fromEntries(own) };
}

function weightOf(command: string, text: string): [name: string, weight: number] {
  const [name, value] = cut(text, "=");
  const weight = numberOption(command, "weight", value);
  if (weight === undefined) throw wrongUsage(command, "--weight must be name=number, such as price=0.5");
  return [name, weight];
}

function readValue(command: string, name: string, texts: readonly string[], space: SpaceInfo | undefined) {
  if (texts.length === 0) return undefined;
  if (space?.kind === "category") return texts.flatMap(categories);
  const [text, ...more] = texts;
  if (more.length > 0) throw wrongUsage(command, `--space ${name} takes one value`);
  return space?.kind === "number" ? numberOption(command, `space ${name}`, text) : text;
}

/** As text, and as the number or the boolean that it may be in the documents. */
function categories(text: string): (string | number | boolean)[] {
  if (text === "true" || text === "false") return [text, text === "true"];
  const number = Number(text);
  return text.trim() === "" || !Number.isFinite(number) ? [text] : [text, number];
}

/** At the first separator; without one all of it is the first part. */
function cut(text: string, separator: string): [first: string, rest: string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
