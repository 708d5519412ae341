import { raw, type Sql } from "sql-template-tag";

/** A quoted name. Names of ours never come from a user; quoting keeps it harmless if one ever does. */
export function identifier(...parts: readonly string[]): Sql {
  return raw(parts.map(quote).join("."));
}

/** The same as text, for functions that take a name as an argument. */
export function quotedName(...parts: readonly string[]): string {
  return parts.map(quote).join(".");
}

function quote(part: string): string {
  return `"${part.replaceAll('"', '""')}"`;
}
