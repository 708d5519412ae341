/** What a dialect answers. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by a dialect to refuse a request. */
export class Refusal extends Error {
  readonly reply: Reply;

  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    super(`refused with ${status}`);
    this.reply = { status, body, headers };
  }
}

type Check = (value: unknown) => boolean;

export const isString: Check = (value) => typeof value === "string";
export const isBoolean: Check = (value) => typeof value === "boolean";
export const isObject: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const isListOf =
  (check: Check, least: number, most: number): Check =>
  (value) =>
    Array.isArray(value) && value.length >= least && value.length <= most && value.every(check);
export const isInteger =
  (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
export const isText =
  (least: number, most: number): Check =>
  (value) =>
    typeof value === "string" && value.length >= least && value.length <= most;
export const isOneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value);

export interface Fields {
  readonly required: Readonly<Record<string, Check>>;
  readonly optional?: Readonly<Record<string, Check>>;
}

/** The first thing wrong with an object: an unknown field, a missing one, or one with a wrong value. */
export function problemWith(value: unknown, { required, optional = {} }: Fields, place = "body"): string | undefined {
  if (!isObject(value)) return `${place} is not an object`;
  const fields = value as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(required, name) && !Object.hasOwn(optional, name)) return `unknown field ${place}.${name}`;
  }
  for (const [name, check] of Object.entries(required)) {
    if (!Object.hasOwn(fields, name)) return `missing field ${place}.${name}`;
    if (!check(fields[name])) return `invalid field ${place}.${name}`;
  }
  for (const [name, check] of Object.entries(optional)) {
    if (Object.hasOwn(fields, name) && !check(fields[name])) return `invalid field ${place}.${name}`;
  }
  return undefined;
}
