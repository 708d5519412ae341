import type { Sql } from "sql-template-tag";
import { invalidArgument } from "../check-options.ts";
import type { SearchContext } from "../collection-context.ts";
import type { ExplainedStatement, Explanation } from "../contracts/collection.ts";
import type { QueryOptions } from "../contracts/database.ts";
import { embedQueries } from "./embed-query.ts";
import { runPlan } from "./run-plan.ts";
import { checkMethod, type PlanSettings, planRetrieval, type RetrievalPlan } from "./search-options.ts";
import { settingsOf, statementOf } from "./statement-of.ts";

type Format = "text" | "json";

/** @throws PgVectorDBError `invalid_argument` */
export function planExplain(
  options: object,
  settings: PlanSettings,
): { readonly plan: RetrievalPlan; readonly format: Format } {
  const { method, format } = (options ?? {}) as Record<string, unknown>;
  const plan = planRetrieval(checkMethod(method), options, { ...settings, ownNames: ["method", "format"] });
  if (format !== undefined && format !== "text" && format !== "json") {
    throw invalidArgument("`format` must be one of: text, json.");
  }
  return { plan, format: format ?? "text" };
}

/** Runs a search, and then every statement that it ran once more under `EXPLAIN (ANALYZE)`. */
export async function explain(
  context: SearchContext,
  query: string,
  plan: RetrievalPlan,
  format: Format,
  signal: AbortSignal,
): Promise<Explanation> {
  const vectors = await embedQueries(context, query, plan, signal);
  const question = { query, vectors, now: new Date() };
  const { attempts } = await runPlan(context, plan, question, signal);
  const statements: ExplainedStatement[] = [];
  for (const attempt of attempts) {
    const options = { signal, settings: settingsOf(context, attempt) };
    const statement = statementOf(context, attempt, question);
    statements.push(await explainStatement(context, statement, format, options));
  }
  return { statements };
}

async function explainStatement(
  { database }: SearchContext,
  statement: Sql,
  format: Format,
  options: QueryOptions,
): Promise<ExplainedStatement> {
  const rows = await database.query<{ "QUERY PLAN": unknown }>(
    { text: `EXPLAIN (ANALYZE, FORMAT ${format.toUpperCase()}) ${statement.text}`, values: statement.values },
    options,
  );
  const sql = statement.text;
  if (format === "json") {
    const plan = withoutValues(rows[0]?.["QUERY PLAN"]);
    const [first] = Array.isArray(plan) ? (plan as Record<string, unknown>[]) : [];
    return { sql, plan, planningMs: Number(first?.["Planning Time"]), executionMs: Number(first?.["Execution Time"]) };
  }
  const plan = withoutLiterals(rows.map((row) => String(row["QUERY PLAN"])).join("\n"));
  const time = (name: string) => Number(new RegExp(`^${name} Time: ([0-9.]+) ms`, "m").exec(plan)?.[1]);
  return { sql, plan, planningMs: time("Planning"), executionMs: time("Execution") };
}

function withoutValues(value: unknown): unknown {
  if (typeof value === "string") return withoutLiterals(value);
  if (Array.isArray(value)) return value.map(withoutValues);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, withoutValues(field)]));
}

/** A plan quotes what was bound: texts, vectors and the values of filters. Numbers that Postgres prints bare are constants of the cost. */
function withoutLiterals(plan: string): string {
  return plan.replaceAll(/E?'(?:[^']|'')*'/g, "'…'");
}
