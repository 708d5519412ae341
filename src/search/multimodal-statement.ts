import sql, { empty, join, raw, type Sql } from "sql-template-tag";
import { table } from "./arms.ts";
import { materialized } from "./materialized.ts";
import type { SearchTarget } from "./search-target.ts";
import type { SpaceArm } from "./space-arm.ts";

export interface WeightedSpace extends SpaceArm {
  /** Above 0. */
  readonly weight: number;
}

/**
 * The candidates are the union of the best `k` of every space. Every space then scores every candidate, so that the fused
 * order, by the weighted mean of the scores, is exact over them; ties are broken by the best rank in any space, then by id.
 * `space_scores` and `space_ranks` are in the order of `spaces`, of which there is at least one.
 */
export function multimodalStatement(target: SearchTarget, spaces: readonly WeightedSpace[], k: number): Sql {
  const isInMainPlan = spaces.some((space) => space.isInMainPlan);
  const made = materialized(isInMainPlan);
  const arms = spaces.map(
    (space, position) =>
      sql`${name("arm", position)} AS ${materialized(space.isInMainPlan ?? false)} (${space.candidates})`,
  );
  const union = spaces.map((_space, position) => sql`SELECT id FROM ${name("arm", position)}`);
  const ctes = [
    ...arms,
    sql`candidates AS ${made} (${join(union, " UNION ")})`,
    // The offset keeps each score from being computed wherever it is named.
    sql`scored AS ${made} (${scored(target, spaces)}${isInMainPlan ? raw(" OFFSET 0") : empty})`,
    sql`unit AS ${made} (${normalised(spaces)})`,
    sql`fused AS ${made} (${fused(spaces)} ORDER BY fused DESC, best_rank, id LIMIT ${k})`,
  ];
  return sql`WITH ${join(ctes, ", ")} SELECT d.id, d.content, d.metadata, f.fused, f.space_scores, f.space_ranks, ${fewest(spaces)} AS semantic_count, ${anyApproximate(spaces)} AS approximate FROM fused AS f JOIN ${table(target)} AS d ON d.id = f.id ORDER BY f.fused DESC, f.best_rank, f.id`;
}

function scored(target: SearchTarget, spaces: readonly SpaceArm[]): Sql {
  const scores = spaces.map(({ score }, position) => sql`(${score})::float8 AS ${name("score", position)}`);
  return sql`SELECT d.id, ${join(scores, ", ")} FROM candidates AS c JOIN ${table(target)} AS d ON d.id = c.id`;
}

function normalised(spaces: readonly SpaceArm[]): Sql {
  const scores = spaces.map(({ normalise }, position) => {
    const score = name("score", position);
    if (normalise === "none") return score;
    return sql`CASE WHEN max(${score}) OVER () > 0 THEN ${score} / max(${score}) OVER () ELSE 0 END AS ${score}`;
  });
  return sql`SELECT id, ${join(scores, ", ")} FROM scored`;
}

function fused(spaces: readonly WeightedSpace[]): Sql {
  const total = spaces.reduce((sum, { weight }) => sum + weight, 0);
  const scores = spaces.map((_space, position) => name("score", position));
  const ranks = scores.map((score) => sql`rank() OVER (ORDER BY ${score} DESC)`);
  const shares = spaces.map(({ weight }, position) => sql`${weight / total}::float8 * ${name("score", position)}`);
  const ranked = sql`SELECT id, ARRAY[${join(scores, ", ")}]::float8[] AS space_scores, ARRAY[${join(ranks, ", ")}]::int4[] AS space_ranks, ${join(shares, " + ")} AS fused FROM unit`;
  return sql`SELECT *, (SELECT min(rank) FROM unnest(space_ranks) AS rank) AS best_rank FROM (${ranked}) AS ranked`;
}

/** How many candidates the shortest of the arms found that ask a vector index. */
function fewest(spaces: readonly SpaceArm[]): Sql {
  const counts = spaces.flatMap(({ approximate }, position) =>
    approximate === undefined ? [] : [sql`(SELECT count(*) FROM ${name("arm", position)})`],
  );
  return counts.length === 0 ? sql`0` : sql`least(${join(counts, ", ")})`;
}

function anyApproximate(spaces: readonly SpaceArm[]): Sql {
  const questions = spaces.flatMap(({ approximate }) => (approximate === undefined ? [] : [approximate]));
  return questions.length === 0 ? sql`false` : sql`(${join(questions, " OR ")})`;
}

function name(kind: "arm" | "score", position: number): Sql {
  return raw(`${kind}_${position}`);
}
