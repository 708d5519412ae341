/**
 * Values of a server's rows, made as PGlite makes them, so that rows look the same on both. The parsers travel with every
 * statement: those that an application has set in `pg` are neither used nor changed. What is not listed stays text, vectors
 * among them, whose type has another OID in every database.
 */
type Parser = (text: string) => unknown;

const PARSERS = new Map<number, Parser>();
const SCALARS: readonly (readonly [oids: readonly number[], arrayOids: readonly number[], parse: Parser])[] = [
  [[16], [1000], (text) => text === "t"],
  [[17], [1001], (text) => new Uint8Array(Buffer.from(text.slice(2), "hex"))],
  [[20], [1016], parseInt8],
  // int2, int4, oid, float4, float8
  [[21, 23, 26, 700, 701], [1005, 1007, 1028, 1021, 1022], Number],
  [[114, 3802], [199, 3807], (text): unknown => JSON.parse(text)],
  // date, timestamp, timestamptz
  [[1082, 1114, 1184], [1182, 1115, 1185], (text) => new Date(text)],
  // char, name, text, bpchar, varchar, numeric, uuid
  [[18, 19, 25, 1042, 1043, 1700, 2950], [1002, 1003, 1009, 1014, 1015, 1231, 2951], (text) => text],
];
for (const [oids, arrayOids, parse] of SCALARS) {
  for (const oid of oids) PARSERS.set(oid, parse);
  for (const oid of arrayOids) PARSERS.set(oid, (text) => parseArray(text, parse));
}

/** In the shape of `pg`'s `types` option. */
export const ROW_VALUES = {
  getTypeParser: (oid: number): Parser => PARSERS.get(oid) ?? ((text) => text),
};

function parseInt8(text: string): number | bigint {
  const value = BigInt(text);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** An array of one dimension in Postgres' text format: `{a,"b, \"c\"",NULL}`. */
function parseArray(text: string, parse: Parser): unknown[] {
  const elements = text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs);
  return Array.from(elements, ([, quoted, plain]) => {
    if (quoted !== undefined) return parse(quoted.replaceAll(/\\(.)/gs, "$1"));
    return plain === undefined || plain === "NULL" ? null : parse(plain);
  });
}
