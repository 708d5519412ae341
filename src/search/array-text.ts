/**
 * A `text[]` in Postgres' own notation. An array of JavaScript is not bound as it is: in a statement that has binary
 * parameters too, PGlite would take it for one of them.
 */
export function arrayText(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`).join(",")}}`;
}
