import { raw, type Sql } from "sql-template-tag";

/** A quoted name. Names of ours never come from a user; quoting keeps it harmless if one ever does. */
export function identifier(...parts: readonly string[]): Sql {
  return raw(parts.map(quote).join("."));
}

/** The same as text, for functions that take a name as an argument. */
export function quotedName(...parts: readonly string[]): string {
  return parts.map(quote).join(".");
}

/** Text where nothing can be bound: options of an index, arguments that must be known to the planner. */
export function textLiteral(text: string): Sql {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return raw(text.includes("\\") ? ` E${quoted}` : quoted);
}

function quote(part: string): string {
  return `"${part.replaceAll('"', '""')}"`;
}
