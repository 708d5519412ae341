import { checkOptionNames, checkText, invalidArgument } from "../check-options.ts";
import type { SpaceRecord } from "../database/space-columns.ts";

type Category = string | number | boolean;

/** A space that a search asks, with its value checked. */
export type PlannedSpace = { readonly name: string; readonly weight: number } & (
  | { readonly kind: "text"; readonly value: string | undefined }
  | { readonly kind: "number"; readonly space: SpaceOf<"number">; readonly value: number | undefined }
  | { readonly kind: "category"; readonly space: SpaceOf<"category">; readonly values: readonly Category[] }
  | { readonly kind: "recency"; readonly space: SpaceOf<"recency">; readonly value: Date | undefined }
);

type SpaceOf<Kind extends SpaceRecord["kind"]> = Extract<SpaceRecord, { readonly kind: Kind }>;

const MAX_VALUES = 100;

/**
 * Checks what a search wants of a collection's spaces. Those with the weight 0 are left out.
 *
 * @throws PgVectorDBError `invalid_argument` that names the space, and lists those there are when there is no such one
 */
export function planSpaces(asked: unknown, declared: readonly SpaceRecord[]): PlannedSpace[] {
  if (asked === undefined) return [];
  if (typeof asked !== "object" || asked === null || Array.isArray(asked)) {
    throw invalidArgument("`spaces` must be an object of `{ value, weight }` by the name of the space.");
  }
  return Object.entries(asked as Record<string, unknown>).flatMap(([name, query]): PlannedSpace[] => {
    if (query === undefined) return [];
    const space = declared.find((candidate) => candidate.name === name);
    if (space === undefined) {
      const known = declared.map((candidate) => candidate.name).join(", ") || "none";
      throw invalidArgument(`\`spaces\` has a space that the collection does not have. It has: ${known}.`);
    }
    const planned = planSpace(space, query);
    return planned.weight === 0 ? [] : [planned];
  });
}

function planSpace(space: SpaceRecord, query: unknown): PlannedSpace {
  const { name } = space;
  if (typeof query !== "object" || query === null) {
    throw invalidArgument(`\`spaces.${name}\` must be an object with \`value\` and \`weight\`.`);
  }
  checkOptionNames(query, ["value", "weight"]);
  const { value, weight = 1 } = query as { value?: unknown; weight?: unknown };
  if (typeof weight !== "number" || !Number.isFinite(weight) || weight < 0) {
    throw invalidArgument(`\`spaces.${name}.weight\` must be a number of at least 0.`);
  }
  switch (space.kind) {
    case "text":
      return {
        name,
        weight,
        kind: "text",
        value: value === undefined ? undefined : checkText(`spaces.${name}.value`, value),
      };
    case "number":
      return { name, weight, kind: "number", space, value: numberOf(space, value) };
    case "category":
      return { name, weight, kind: "category", space, values: categoriesOf(name, value) };
    case "recency":
      return { name, weight, kind: "recency", space, value: dateOf(name, value) };
  }
}

function numberOf({ name, prefer }: SpaceOf<"number">, value: unknown): number | undefined {
  if (prefer !== "nearest" && value === undefined) return undefined;
  if (prefer !== "nearest") {
    throw invalidArgument(`\`spaces.${name}\` prefers ${prefer} numbers, whatever the query: it takes no \`value\`.`);
  }
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw invalidArgument(`\`spaces.${name}.value\` must be the number to be near to.`);
}

function categoriesOf(name: string, value: unknown): readonly Category[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isCategory = (item: unknown): item is Category =>
    (typeof item === "string" && !item.includes("\0")) ||
    typeof item === "boolean" ||
    (typeof item === "number" && Number.isFinite(item));
  if (values.length > 0 && values.length <= MAX_VALUES && values.every(isCategory)) return values;
  throw invalidArgument(
    `\`spaces.${name}.value\` must be a string, a number or a boolean, or an array of up to ${MAX_VALUES} of them.`,
  );
}

function dateOf(name: string, value: unknown): Date | undefined {
  if (value === undefined) return undefined;
  const date = typeof value === "string" ? new Date(value) : value;
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date;
  throw invalidArgument(`\`spaces.${name}.value\` must be a Date: the one from which age is counted.`);
}
