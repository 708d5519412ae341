import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Distance } from "../contracts/collection.ts";
import { compileWhere } from "./compile-where.ts";
import { indexedFieldExpression } from "./field-expression.ts";
import { identifier, quotedName, textLiteral } from "./identifier.ts";
import { multimodalStatement } from "./multimodal-statement.ts";
import { hasPhrase } from "./phrase.ts";
import { hybridStatement, keywordStatement, semanticStatement, trigramStatement } from "./search-statements.ts";
import type { SearchTarget } from "./search-target.ts";
import {
  categorySpace,
  keywordSpace,
  nearestNumberSpace,
  numberSpace,
  recencySpace,
  vectorSpace,
} from "./space-arm.ts";
import { trigramArm } from "./trigram-arm.ts";
import { wordArm } from "./word-arm.ts";

const HOSTILE = [
  "'",
  "''",
  '"',
  "\\",
  "\\'",
  "$1",
  "$$",
  "%",
  "--",
  "/*",
  ";",
  "'; DROP TABLE x; --",
  '"; DROP TABLE x; --',
  "' OR '1'='1",
  "{}",
  '{"a":1}',
  "NULL",
  "\n",
  "\u2028",
  "😀",
  "E'\\x27'",
  "::text",
  "pg_sleep(9)",
];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "grapheme", maxLength: 8 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join("").replaceAll("\0", ""))
  .filter((text) => text !== "");
/** Neither empty, nor split at a dot, nor an operator, nor a position in an array: those are other statements. */
const name = hostile.map((text) => `n${text.replaceAll(".", "")}`).filter((text) => text.length > 1);
const number = fc.double({ noNaN: true, noDefaultInfinity: true });

interface Values {
  readonly path: string;
  readonly text: string;
  readonly query: string;
  readonly number: number;
  readonly id: string;
}

const values: fc.Arbitrary<Values> = fc.record({ path: name, text: hostile, query: hostile, number, id: hostile });
const BENIGN: Values = { path: "field", text: "value", query: "query", number: 1, id: "id" };

const target: SearchTarget = {
  schema: "pgvectordb",
  table: "documents_7",
  embeddingColumn: "embedding_1",
  dimensions: 2,
  distance: "cosine",
  language: "english",
  keywordEngine: "bm25",
  keywordIndex: "documents_7_bm25",
  termsColumn: "terms",
  vectorIndex: "documents_7_embedding_1_hnsw",
  iterativeScan: true,
};

function whereOf({ path, text, number }: Values) {
  return compileWhere({
    [path]: {
      $eq: text,
      $ne: number,
      $in: [text, number, null],
      $nin: [text],
      $gt: text,
      $lte: number,
      $between: [text, text],
      $like: text.replaceAll("\\", ""),
      $ilike: text.replaceAll("\\", ""),
      $exists: true,
      $not: { $gte: new Date(Math.trunc(number % 8e15)) },
    },
    $or: [{ [`${path}.${path}`]: text }, { $not: { [path]: null } }],
  });
}

/** Every statement of every search, with the values in every position that takes one, as functions that make them. */
function makersOf(given: Values, on: SearchTarget) {
  const filter = whereOf(given);
  const { query, text, number } = given;
  const k = 5;
  const field = [given.path];
  const semantic = { vector: [number, number], k, filter, exact: false };
  const keyword = { query, k, filter };
  const fuzzy = { query, k, filter, minSimilarity: 0.3 };
  const reach = { perWord: 10, compared: 10 };
  const phrase = hasPhrase(on, query);
  const fusion = { k, semanticWeight: Math.abs(number), keywordWeight: 1 };
  const spaces = () =>
    [
      vectorSpace(on, semantic),
      keywordSpace(on, { ...keyword, filter: phrase }, phrase),
      numberSpace(on, { field, k, filter, min: -1, max: 1, prefer: "lower" }),
      numberSpace(on, { field, k, filter, min: -1, max: 1, prefer: "higher" }),
      nearestNumberSpace(on, { field, k, filter, near: number, range: 2 }),
      categorySpace(on, { name: given.path, field, k, filter, values: [text, number, true] }),
      recencySpace(on, { field, k, filter, now: new Date(Math.trunc(number % 8e15)), decayDays: 1 }),
    ].map((space) => ({ ...space, weight: 1 }));
  return [
    () => semanticStatement(on, semantic),
    () => semanticStatement(on, { ...semantic, exact: true }),
    () => keywordStatement(on, keyword),
    () => trigramStatement(on, trigramArm(on, fuzzy)),
    () => trigramStatement(on, wordArm({ ...on, vocabulary: "documents_7_vocabulary" }, fuzzy, reach)),
    () =>
      hybridStatement(on, semantic, keyword, { ...fusion, fusion: { kind: "rrf", rankConstant: Math.abs(number) } }),
    () => hybridStatement(on, semantic, keyword, { ...fusion, fusion: { kind: "weighted" } }),
    () => multimodalStatement(on, spaces(), k),
  ];
}

describe("statements", () => {
  const engines = ["bm25", "full_text"] as const;
  const distances: readonly Distance[] = ["cosine", "l2", "inner_product"];
  const targets = engines.flatMap((keywordEngine) =>
    distances.map((distance): SearchTarget => ({ ...target, keywordEngine, distance })),
  );

  it("have the same text whatever the values are", () => {
    const expected = new Map(targets.map((on) => [on, makersOf(BENIGN, on).map((make) => make().text)]));
    fc.assert(
      fc.property(values, fc.constantFrom(...targets), fc.nat(7), (given, on, which) => {
        expect(makersOf(given, on)[which]?.().text).toBe(expected.get(on)?.[which]);
      }),
      { numRuns: 10_000 },
    );
  });

  it("bind every value that they were given", () => {
    fc.assert(
      fc.property(values, (given) => {
        const keyword = keywordStatement(target, { query: given.query, k: 5, filter: whereOf(given) });
        expect(keyword.values).toContain(given.query.toWellFormed());
        expect(keyword.values).toContain(JSON.stringify({ [given.path.toWellFormed()]: given.text.toWellFormed() }));
      }),
      { numRuns: 200 },
    );
  });
});

describe("what cannot be bound", () => {
  /** How Postgres reads a quoted name, or a text, at the beginning of `sql`: what it means, and where it ends. */
  function read(sql: string, quote: '"' | "'"): { value: string; rest: string } {
    const escapes = quote === "'" && sql.startsWith(" E");
    let [value, index] = ["", sql.indexOf(quote) + 1];
    for (; index < sql.length; index++) {
      const character = sql[index] as string;
      if (character === quote && sql[index + 1] !== quote) return { value, rest: sql.slice(index + 1) };
      if (character === quote || (escapes && character === "\\")) index++;
      value += sql[index];
    }
    throw new Error("The quote does not end.");
  }

  it("is quoted so that nothing gets out: names, languages, paths of indexes", () => {
    fc.assert(
      fc.property(hostile, hostile, (first, second) => {
        const names = identifier(first, second).text;
        const schema = read(names, '"');
        const table = read(schema.rest.slice(1), '"');
        if (schema.value !== first || table.value !== second || table.rest !== "") expect(names).toBe("quoted");
        if (quotedName(first, second) !== names) expect(quotedName(first, second)).toBe(names);
        const literal = read(textLiteral(first).text, "'");
        if (literal.value !== first || literal.rest !== "") expect(textLiteral(first).text).toBe("quoted");
        const index = indexedFieldExpression([first, second], "date").text;
        const path = read(index.slice(index.indexOf("'")), "'");
        if (!path.value.startsWith('{"') || path.rest !== "::text[])") expect(index).toBe("quoted");
      }),
      { numRuns: 10_000 },
    );
  });
});
