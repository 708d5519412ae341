import sql from "sql-template-tag";
import { describe, expect, it } from "vitest";
import { compileWhere } from "./compile-where.ts";
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

  it("sets nothing that pgvector 0.7 does not know", () => {
    const { text } = semanticStatement({ ...target, iterativeScan: false }, semantic);
    expect(text).toContain("(SELECT set_config('hnsw.ef_search', $1, true) AS ready)");
    expect(text).not.toContain("iterative_scan");
    const attached = { ...target, iterativeScan: false, source: sql`SELECT 1` };
    expect(semanticStatement(attached, semantic).text).not.toContain("iterative_scan");
  });

  it("reads as many lists of an attached table's IVFFlat index as are recommended, and on from there", () => {
    const { text, values } = semanticStatement({ ...target, source: sql`SELECT 1` }, semantic);
    expect(text).toContain(
      "SELECT set_config('hnsw.ef_search', $1, true) || set_config('hnsw.iterative_scan', 'relaxed_order', true) || " +
        "set_config('ivfflat.probes', greatest($2, ceil(sqrt((SELECT max(substr(option, 7)::int) FROM pg_index AS i " +
        "JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam " +
        "CROSS JOIN unnest(coalesce(c.reloptions, ARRAY['lists=100'])) AS option " +
        "WHERE i.indrelid = to_regclass($3) AND a.amname = 'ivfflat' AND option LIKE 'lists=%'))))::text, true) || " +
        "set_config('ivfflat.iterative_scan', 'relaxed_order', true) AS ready",
    );
    expect(values.slice(0, 3)).toEqual(["200", 10, '"pgvectordb"."documents_7"']);
  });
});

it("keywordStatement binds the query and names the index", () => {
  const { text, values } = keywordStatement(target, keyword);
  expect(text).toBe(
    "WITH keyword AS NOT MATERIALIZED (" +
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
  expect(text.slice(text.indexOf("fused AS NOT MATERIALIZED"))).toMatchInlineSnapshot(
    `"fused AS NOT MATERIALIZED (SELECT id, s.distance, s.rank AS semantic_rank, k.bm25, k.rank AS keyword_rank, coalesce($13::float8 / ($14::float8 + s.rank), 0) + coalesce($15::float8 / ($16::float8 + k.rank), 0) AS fused, least(s.rank, k.rank) AS best_rank FROM semantic AS s FULL OUTER JOIN keyword AS k USING (id) ORDER BY fused DESC, best_rank, id LIMIT $17) SELECT d.id, d.content, d.metadata, f.distance, f.semantic_rank, f.bm25, f.keyword_rank, f.fused, (SELECT count(*) FROM semantic) AS semantic_count, false AS approximate FROM fused AS f JOIN "pgvectordb"."documents_7" AS d ON d.id = f.id ORDER BY f.fused DESC, f.best_rank, f.id"`,
  );
});

it("trigramStatement sets the index's threshold and searches in one statement", () => {
  const filter = compileWhere({ price: 3 });
  const { text, values } = trigramStatement(
    target,
    trigramArm(target, { query: "headphnes", k: 10, filter, minSimilarity: 0.3 }),
  );
  expect(text).toMatchInlineSnapshot(
    `"WITH trigram AS MATERIALIZED (SELECT id, similarity, row_number() OVER (ORDER BY similarity DESC, id) AS rank, NULL::boolean AS partial FROM (WITH settings AS MATERIALIZED (SELECT set_config($1, $2, true) AS ready) SELECT scan.id, scan.similarity FROM settings CROSS JOIN LATERAL (SELECT id, word_similarity($3, content) AS similarity FROM "pgvectordb"."documents_7" WHERE settings.ready IS NOT NULL AND content %> $4 AND (metadata @> $5::jsonb OR metadata @> $6::jsonb) ORDER BY similarity DESC, id LIMIT $7) AS scan) AS similar_words) SELECT d.id, d.content, d.metadata, t.similarity, t.rank AS trigram_rank, t.partial, 0 AS semantic_count, false AS approximate FROM trigram AS t JOIN "pgvectordb"."documents_7" AS d ON d.id = t.id ORDER BY t.rank"`,
  );
  expect(values).toMatchInlineSnapshot(`
    [
      "pg_trgm.word_similarity_threshold",
      "0.3",
      "headphnes",
      "headphnes",
      "{"price":3}",
      "{"price":[3]}",
      10,
    ]
  `);
});

it("hybridStatement fuses by weighted scores, each on 0..1 among its arm's candidates", () => {
  const fusion = { k: 50, semanticWeight: 3, keywordWeight: 1, fusion: { kind: "weighted" } } as const;
  const { text, values } = hybridStatement(target, { ...semantic, exact: true }, keyword, fusion);
  expect(text.slice(text.indexOf("fused AS NOT MATERIALIZED"), text.lastIndexOf("SELECT d.id"))).toMatchInlineSnapshot(
    `"fused AS NOT MATERIALIZED (SELECT id, s.distance, s.rank AS semantic_rank, k.bm25, k.rank AS keyword_rank, $9::float8 * coalesce(s.unit, 0) + $10::float8 * coalesce(k.unit, 0) AS fused, least(s.rank, k.rank) AS best_rank FROM (SELECT id, distance, rank, CASE WHEN high > low THEN (score - low) / (high - low) ELSE 1 END AS unit FROM (SELECT *, min(score) OVER () AS low, max(score) OVER () AS high FROM (SELECT id, distance, rank, 1 - distance AS score FROM semantic) AS scored) AS ranged) AS s FULL OUTER JOIN (SELECT id, bm25, rank, CASE WHEN high > low THEN (score - low) / (high - low) ELSE 1 END AS unit FROM (SELECT *, CASE WHEN count(*) OVER () < $11 THEN 0 ELSE min(score) OVER () END AS low, max(score) OVER () AS high FROM (SELECT id, bm25, rank, 0 - bm25 AS score FROM keyword) AS scored) AS ranged) AS k USING (id) ORDER BY fused DESC, best_rank, id LIMIT $12) "`,
  );
  expect(values.slice(-4)).toEqual([0.75, 0.25, 100, 50]);
});

it("hasPhrase reads windows of the content, or the words that are kept beside it", () => {
  expect(hasPhrase(target, "noise cancelling").text).toMatchInlineSnapshot(
    `"pgvectordb.has_phrase('english'::regconfig, content, $1)"`,
  );
  expect(hasPhrase({ ...target, keywordEngine: "full_text" }, "noise cancelling").text).toMatchInlineSnapshot(
    `""terms" @@ plainto_tsquery('english'::regconfig, $1) AND CASE WHEN length(content) <= $2::int THEN "terms" @@ phraseto_tsquery('english'::regconfig, $3) ELSE pgvectordb.has_phrase('english'::regconfig, content, $4) END"`,
  );
});

it("multimodalStatement scores the union of the best of every space", () => {
  const arm = { field: ["at"], k: 2, filter: compileWhere({ price: 3 }) };
  const spaces = [
    { ...vectorSpace(target, semantic), weight: 1 },
    { ...keywordSpace(target, keyword, undefined), weight: 1 },
    { ...numberSpace(target, { ...arm, min: 0, max: 9, prefer: "lower" }), weight: 1 },
    { ...nearestNumberSpace(target, { ...arm, near: 5, range: 9 }), weight: 1 },
    { ...categorySpace(target, { ...arm, name: "at", values: ["x"] }), weight: 2 },
    { ...recencySpace(target, { ...arm, now: new Date(0), decayDays: 1 }), weight: 2 },
  ];
  const { text } = multimodalStatement(target, spaces, 2);
  const parts = text.split(/(?<=\)), (?=[a-z_0-9]+ AS (?:NOT )?MATERIALIZED)/);
  expect(parts.slice(2).join(",\n")).toMatchInlineSnapshot(`
    "arm_2 AS MATERIALIZED (SELECT id FROM "pgvectordb"."documents_7" WHERE (CASE jsonb_typeof((metadata #> $10::text[])) WHEN 'number' THEN (metadata #> $11::text[])::numeric END) IS NOT NULL AND (metadata @> $12::jsonb OR metadata @> $13::jsonb) ORDER BY (CASE jsonb_typeof((metadata #> $14::text[])) WHEN 'number' THEN (metadata #> $15::text[])::numeric END), id LIMIT $16),
    arm_3 AS MATERIALIZED (SELECT id FROM ((SELECT id, (CASE jsonb_typeof((metadata #> $17::text[])) WHEN 'number' THEN (metadata #> $18::text[])::numeric END) AS value FROM "pgvectordb"."documents_7" WHERE (CASE jsonb_typeof((metadata #> $19::text[])) WHEN 'number' THEN (metadata #> $20::text[])::numeric END) >= $21::numeric AND (metadata @> $22::jsonb OR metadata @> $23::jsonb) ORDER BY (CASE jsonb_typeof((metadata #> $24::text[])) WHEN 'number' THEN (metadata #> $25::text[])::numeric END), id LIMIT $26) UNION ALL (SELECT id, (CASE jsonb_typeof((metadata #> $27::text[])) WHEN 'number' THEN (metadata #> $28::text[])::numeric END) AS value FROM "pgvectordb"."documents_7" WHERE (CASE jsonb_typeof((metadata #> $29::text[])) WHEN 'number' THEN (metadata #> $30::text[])::numeric END) < $31::numeric AND (metadata @> $32::jsonb OR metadata @> $33::jsonb) ORDER BY (CASE jsonb_typeof((metadata #> $34::text[])) WHEN 'number' THEN (metadata #> $35::text[])::numeric END) DESC, id LIMIT $36)) AS sides ORDER BY abs(value - $37::numeric), id LIMIT $38),
    arm_4 AS MATERIALIZED (SELECT id FROM "pgvectordb"."documents_7" WHERE metadata @> ANY($39::text[]::jsonb[]) AND (metadata @> $40::jsonb OR metadata @> $41::jsonb) ORDER BY id LIMIT $42),
    arm_5 AS MATERIALIZED (SELECT id FROM "pgvectordb"."documents_7" WHERE pgvectordb.epoch_ms(metadata #>> $43::text[]) IS NOT NULL AND (metadata @> $44::jsonb OR metadata @> $45::jsonb) ORDER BY pgvectordb.epoch_ms(metadata #>> $46::text[]) DESC, id LIMIT $47),
    candidates AS NOT MATERIALIZED (SELECT id FROM arm_0 UNION SELECT id FROM arm_1 UNION SELECT id FROM arm_2 UNION SELECT id FROM arm_3 UNION SELECT id FROM arm_4 UNION SELECT id FROM arm_5),
    scored AS NOT MATERIALIZED (SELECT d.id, (least(1, greatest(0, 1 - nullif(("embedding_1" <=> $48::vector), 'NaN'::float8))))::float8 AS score_0, (0 - (content <@> to_bm25query($49, $50)))::float8 AS score_1, (least(1, greatest(0, 1 - ((CASE jsonb_typeof((metadata #> $51::text[])) WHEN 'number' THEN (metadata #> $52::text[])::numeric END) - $53::numeric) / ($54::numeric - $55::numeric))))::float8 AS score_2, (least(1, greatest(0, 1 - abs((CASE jsonb_typeof((metadata #> $56::text[])) WHEN 'number' THEN (metadata #> $57::text[])::numeric END) - $58::numeric) / $59::numeric)))::float8 AS score_3, (CASE WHEN metadata @> ANY($60::text[]::jsonb[]) THEN 1 ELSE 0 END)::float8 AS score_4, (CASE WHEN pgvectordb.epoch_ms(metadata #>> $61::text[]) IS NULL THEN 0 ELSE exp(0 - least(700, greatest(0, $62::float8 - pgvectordb.epoch_ms(metadata #>> $63::text[])) / $64::float8)) END)::float8 AS score_5 FROM candidates AS c JOIN "pgvectordb"."documents_7" AS d ON d.id = c.id OFFSET 0),
    unit AS NOT MATERIALIZED (SELECT id, score_0, CASE WHEN max(score_1) OVER () > 0 THEN score_1 / max(score_1) OVER () ELSE 0 END AS score_1, score_2, score_3, score_4, score_5 FROM scored),
    fused AS NOT MATERIALIZED (SELECT *, (SELECT min(rank) FROM unnest(space_ranks) AS rank) AS best_rank FROM (SELECT id, ARRAY[score_0, score_1, score_2, score_3, score_4, score_5]::float8[] AS space_scores, ARRAY[rank() OVER (ORDER BY score_0 DESC), rank() OVER (ORDER BY score_1 DESC), rank() OVER (ORDER BY score_2 DESC), rank() OVER (ORDER BY score_3 DESC), rank() OVER (ORDER BY score_4 DESC), rank() OVER (ORDER BY score_5 DESC)]::int4[] AS space_ranks, $65::float8 * score_0 + $66::float8 * score_1 + $67::float8 * score_2 + $68::float8 * score_3 + $69::float8 * score_4 + $70::float8 * score_5 AS fused FROM unit) AS ranked ORDER BY fused DESC, best_rank, id LIMIT $71) SELECT d.id, d.content, d.metadata, f.fused, f.space_scores, f.space_ranks, least((SELECT count(*) FROM arm_0)) AS semantic_count, (to_regclass($72) IS NOT NULL) AS approximate FROM fused AS f JOIN "pgvectordb"."documents_7" AS d ON d.id = f.id ORDER BY f.fused DESC, f.best_rank, f.id"
  `);
});

it("quotes every name", () => {
  const hostile = { ...target, table: 'a"b', embeddingColumn: 'c"d' };
  expect(semanticStatement(hostile, semantic).text).toContain('"c""d" <=>');
  expect(semanticStatement(hostile, semantic).text).toContain('"pgvectordb"."a""b"');
});
