/** Text that YAML reads back as this very string without quotes; anything doubtful is quoted. */
const PLAIN = /^[A-Za-z][A-Za-z0-9 _.,;()/+$%'"-]*$/;
const RESERVED = /^(?:true|false|yes|no|on|off|null|y|n)$/i;

/**
 * One `name: value` line per field, in order, as Cohere advises for structured documents
 * (https://docs.cohere.com/docs/reranking-best-practices). Values that are not plain words are written as JSON, which YAML 1.2 contains.
 */
export function toYaml(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${toScalar(name)}: ${toScalar(value)}\n`)
    .join("");
}

function toScalar(value: unknown): string {
  const plain = typeof value === "string" && PLAIN.test(value) && !RESERVED.test(value) && !value.endsWith(" ");
  return plain ? value : (JSON.stringify(value) ?? "null");
}
