import { checkOptionNames, invalidArgument } from "./check-options.ts";
import type { TextSpaceContext } from "./collection-context.ts";
import type { Embedder } from "./contracts/embedder.ts";
import type { Space } from "./contracts/space.ts";
import type { CollectionRecord } from "./database/catalog.ts";
import { type SpaceRecord, targetOfSpace } from "./database/space-columns.ts";
import { checkEmbedder } from "./embed-texts.ts";
import { PgVectorDBError } from "./errors.ts";
import type { SearchTarget } from "./search/search-target.ts";

export type Spaces = Readonly<Record<string, Space>>;

const MAX_SPACES = 16;
const MAX_NAME_LENGTH = 100;
const MAX_PATH_LENGTH = 16;
/** What a multimodal search asks besides the spaces. */
const RESERVED_NAMES = ["semantic", "keyword"];
const OPTIONS_OF: Readonly<Record<Space["kind"], readonly string[]>> = {
  text: ["kind", "field", "embedder"],
  number: ["kind", "field", "min", "max", "prefer"],
  category: ["kind", "field"],
  recency: ["kind", "field", "decayDays"],
};

/** @throws PgVectorDBError `invalid_argument` that names the space and its option */
export function checkSpaces(spaces: unknown): asserts spaces is Spaces | undefined {
  if (spaces === undefined) return;
  if (typeof spaces !== "object" || spaces === null || Array.isArray(spaces)) {
    throw invalidArgument("`spaces` must be an object of spaces by name.");
  }
  const entries = Object.entries(spaces as Record<string, unknown>);
  if (entries.length > MAX_SPACES) throw invalidArgument(`\`spaces\` may have at most ${MAX_SPACES} spaces.`);
  for (const [name, space] of entries) checkSpace(name, space);
}

function checkSpace(name: string, space: unknown): void {
  if (name.trim() === "" || name.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(name) || !name.isWellFormed()) {
    throw invalidArgument(`A name in \`spaces\` must have 1 to ${MAX_NAME_LENGTH} characters, no control characters.`);
  }
  if (RESERVED_NAMES.includes(name)) {
    throw invalidArgument(`\`spaces.${name}\`: this name is the collection's own. Choose another.`);
  }
  const { kind, field, embedder, min, max, prefer, decayDays } = (space ?? {}) as Record<string, unknown>;
  if (typeof kind !== "string" || !Object.hasOwn(OPTIONS_OF, kind)) {
    throw invalidArgument(`\`spaces.${name}.kind\` must be one of: ${Object.keys(OPTIONS_OF).join(", ")}.`);
  }
  checkOptionNames(space, OPTIONS_OF[kind as Space["kind"]]);
  if (kind !== "text" || field !== undefined) checkField(name, field);
  if (embedder !== undefined) checkEmbedder(embedder);
  if (kind === "number") {
    if (!isFiniteNumber(min) || !isFiniteNumber(max) || min >= max) {
      throw invalidArgument(`\`spaces.${name}.min\` and \`max\` must be numbers, \`min\` the lower one.`);
    }
    if (prefer !== "lower" && prefer !== "higher" && prefer !== "nearest") {
      throw invalidArgument(`\`spaces.${name}.prefer\` must be one of: lower, higher, nearest.`);
    }
  }
  if (kind === "recency" && !(isFiniteNumber(decayDays) && decayDays > 0)) {
    throw invalidArgument(`\`spaces.${name}.decayDays\` must be a number of days above 0.`);
  }
}

/** As the catalog keeps them: sorted by name, text spaces with their embedder's id and a column each. */
export function declareSpaces(spaces: Spaces, defaultEmbedder: Embedder): SpaceRecord[] {
  return Object.entries(spaces)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, space], position): SpaceRecord => {
      if (space.kind !== "text") return { name, ...space };
      const { id, dimensions } = space.embedder ?? defaultEmbedder;
      const field = space.field ?? null;
      return { name, kind: "text", field, embedder: id, dimensions, column: `space_${position}` };
    });
}

/**
 * The text spaces of an opened collection with their embedders.
 *
 * @throws PgVectorDBError `collection_mismatch` when it was made with other spaces, or an embedder is missing
 */
export function openTextSpaces(
  target: SearchTarget,
  record: CollectionRecord,
  given: Spaces | undefined,
  embedder: Embedder,
): TextSpaceContext[] {
  const made = `The collection ${JSON.stringify(record.name)} was made with`;
  if (given !== undefined && canonical(declareSpaces(given, embedder)) !== canonical(record.spaces)) {
    const names = record.spaces.map(({ name, kind }) => `${JSON.stringify(name)} (${kind})`).join(", ") || "none";
    throw new PgVectorDBError(
      "collection_mismatch",
      `${made} other spaces: ${names}. Pass the same \`spaces\`, or leave them out.`,
    );
  }
  return record.spaces.flatMap((space): TextSpaceContext[] => {
    if (space.kind !== "text") return [];
    const own = given?.[space.name];
    const itsEmbedder = (own?.kind === "text" ? own.embedder : undefined) ?? embedder;
    if (itsEmbedder.id !== space.embedder || itsEmbedder.dimensions !== space.dimensions) {
      throw new PgVectorDBError(
        "collection_mismatch",
        `${made} the embedder "${space.embedder}" for the space ${JSON.stringify(space.name)}. Pass it in \`spaces\`.`,
      );
    }
    const path = space.field?.split(".");
    return [{ name: space.name, path, embedder: itsEmbedder, target: targetOfSpace(target, space) }];
  });
}

function checkField(name: string, field: unknown): void {
  const path = typeof field === "string" ? field.split(".") : [];
  if (path.length === 0 || path.length > MAX_PATH_LENGTH || path.some((key) => key === "" || key.includes("\0"))) {
    throw invalidArgument(`\`spaces.${name}.field\` must name a metadata field; a nested one by dots: "outer.inner".`);
  }
}

/** The same text for the same spaces, whatever the order of their options. */
function canonical(spaces: readonly SpaceRecord[]): string {
  return JSON.stringify(spaces.map((space) => Object.entries(space).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
