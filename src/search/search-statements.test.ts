import { describe, expect, it } from "vitest";
import { compileWhere } from "./compile-where.ts";
import { hybridStatement, keywordStatement, semanticStatement } from "./search-statements.ts";
import type { SearchTarget } from "./search-target.ts";

const target: SearchTarget = {
  schema: "pgvectordb",
  table: "documents_7",
  embeddingColumn: "embedding_1",
  dimensions: 3,
  distance: "cosine",
  language: "english",
  keywordEngine: "bm25",
  keywordIndex: "documents_7_bm25",
  termsColumn: "terms",
  vectorIndex: "documents_7_embedding_1_hnsw",
  iterativeScan: true,
};
const semantic = { vector: new Float32Array([1, 0.5, 0]), k: 100, filter: undefined, exact: false };
const keyword = { query: "noise cancelling", k: 100, filter: undefined };

const SETTINGS =
  "WITH settings AS MATERIALIZED (SELECT set_config('hnsw.ef_search', $1, true) || set_config('hnsw.iterative_scan', 'relaxed_order', true) AS ready)";

describe("semanticStatement", () => {
  it("sets up the vector index and searches in one statement", () => {
    const { text, values } = semanticStatement(target, semantic);
    expect(text).toBe(
      "WITH semantic AS MATERIALIZED (" +
        "SELECT id, distance, row_number() OVER (ORDER BY distance, id) AS rank FROM (" +
        `${SETTINGS} SELECT scan.id, scan.distance FROM settings CROSS JOIN LATERAL (` +
        'SELECT id, "embedding_1" <=> $2::vector AS distance FROM "pgvectordb"."documents_7" WHERE settings.ready IS NOT NULL ' +
        'ORDER BY "embedding_1" <=> $3::vector LIMIT $4' +
        ") AS scan) AS nearest WHERE distance <> 'NaN') " +
        "SELECT d.id, d.content, d.metadata, s.distance, s.rank AS semantic_rank, NULL AS bm25, NULL AS keyword_rank, NULL AS fused, " +
        "(SELECT count(*) FROM semantic) AS semantic_count, to_regclass($5) IS NOT NULL AS approximate " +
        'FROM semantic AS s JOIN "pgvectordb"."documents_7" AS d ON d.id = s.id ORDER BY s.rank',
    );
    expect(values).toEqual(["200", "[1,0.5,0]", "[1,0.5,0]", 100, '"pgvectordb"."documents_7_embedding_1_hnsw"']);
  });

  it("keeps the vector index out when it has to be exact, with the filter before the order", () => {
    const filter = compileWhere({ price: 3 });
    const { text, values } = semanticStatement({ ...target, distance: "l2" }, { ...semantic, filter, exact: true });
    expect(text).toContain(
      'SELECT id, "embedding_1" <-> $1::vector AS distance FROM "pgvectordb"."documents_7" WHERE (metadata @> $2::jsonb OR metadata @> $3::jsonb) ' +
        'ORDER BY ("embedding_1" <-> $4::vector) + 0, id LIMIT $5',
    );
    expect(text).not.toContain("settings");
    expect(values).toEqual(["[1,0.5,0]", '{"price":3}', '{"price":[3]}', "[1,0.5,0]", 100]);
  });

  it.each([
    [1, "64"],
    [100, "200"],
    [5000, "1000"],
  ])("for k = %i asks the index for %s", (k, efSearch) => {
    expect(semanticStatement(target, { ...semantic, k }).values[0]).toBe(efSearch);
  });
});

it("keywordStatement binds the query and names the index", () => {
  const { text, values } = keywordStatement(target, keyword);
  expect(text).toBe(
    "WITH keyword AS MATERIALIZED (" +
      "SELECT id, bm25, row_number() OVER (ORDER BY bm25, id) AS rank FROM (" +
      'SELECT id, content <@> to_bm25query($1, $2) AS bm25 FROM "pgvectordb"."documents_7" ORDER BY content <@> to_bm25query($3, $4) LIMIT $5' +
      ") AS best WHERE bm25 < 0) " +
      "SELECT d.id, d.content, d.metadata, NULL AS distance, NULL AS semantic_rank, k.bm25, k.rank AS keyword_rank, NULL AS fused, " +
      "0 AS semantic_count, false AS approximate " +
      'FROM keyword AS k JOIN "pgvectordb"."documents_7" AS d ON d.id = k.id ORDER BY k.rank',
  );
  const index = '"pgvectordb"."documents_7_bm25"';
  expect(values).toEqual(["noise cancelling", index, "noise cancelling", index, 100]);
});

it("hybridStatement fuses both arms by rank, with the same filter in both", () => {
  const filter = compileWhere({ price: 3 });
  const fusion = { k: 50, semanticWeight: 2, keywordWeight: 1, fusion: { kind: "rrf", rankConstant: 60 } } as const;
  const { text } = hybridStatement(target, { ...semantic, filter, exact: true }, { ...keyword, filter }, fusion);
  expect(text.match(/metadata @> .*? OR metadata @> /g)).toHaveLength(2);
  expect(text.slice(text.indexOf("fused AS MATERIALIZED"))).toMatchInlineSnapshot(
    `"fused AS MATERIALIZED (SELECT id, s.distance, s.rank AS semantic_rank, k.bm25, k.rank AS keyword_rank, coalesce($13::float8 / ($14::float8 + s.rank), 0) + coalesce($15::float8 / ($16::float8 + k.rank), 0) AS fused, least(s.rank, k.rank) AS best_rank FROM semantic AS s FULL OUTER JOIN keyword AS k USING (id) ORDER BY fused DESC, best_rank, id LIMIT $17) SELECT d.id, d.content, d.metadata, f.distance, f.semantic_rank, f.bm25, f.keyword_rank, f.fused, (SELECT count(*) FROM semantic) AS semantic_count, false AS approximate FROM fused AS f JOIN "pgvectordb"."documents_7" AS d ON d.id = f.id ORDER BY f.fused DESC, f.best_rank, f.id"`,
  );
});

it("quotes every name", () => {
  const hostile = { ...target, table: 'a"b', embeddingColumn: 'c"d' };
  expect(semanticStatement(hostile, semantic).text).toContain('"c""d" <=>');
  expect(semanticStatement(hostile, semantic).text).toContain('"pgvectordb"."a""b"');
});
