import type { PgVectorDBErrorCode } from "../../errors.ts";

/**
 * How long a service asks to wait before the next request, in milliseconds; `undefined` when it does not say.
 *
 * Read in this order: `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 10.2.3), then, of a `rate_limited`
 * failure, the vendors' reset headers. With any other failure those speak of a limit that is not what failed: many gateways
 * send them with every answer.
 *
 * @param now milliseconds since the epoch
 */
export function retryAfterMs(headers: Headers, now: number, code: PgVectorDBErrorCode): number | undefined {
  const own = fromMilliseconds(headers.get("retry-after-ms")) ?? fromSecondsOrDate(headers.get("retry-after"), now);
  const wait = own ?? (code === "rate_limited" ? untilReset(headers, now) : undefined);
  return wait === undefined ? undefined : Math.max(0, wait);
}

function untilReset(headers: Headers, now: number): number | undefined {
  const candidates = [
    () => fromReset(headers.get("x-ratelimit-reset"), now),
    () => fromReset(headers.get("ratelimit-reset"), now),
    () => latest(headers.get("x-ratelimit-reset-requests"), headers.get("x-ratelimit-reset-tokens"), now),
  ];
  for (const read of candidates) {
    const wait = read();
    if (wait !== undefined) return wait;
  }
  return undefined;
}

function fromMilliseconds(value: string | null): number | undefined {
  return toNumber(value);
}

function fromSecondsOrDate(value: string | null, now: number): number | undefined {
  const seconds = toNumber(value);
  if (seconds !== undefined) return seconds * 1000;
  // Date.parse takes far more than HTTP dates ("5 apples" is May): a date names its zone.
  const date = value !== null && /GMT|UTC|Z$/i.test(value) ? Date.parse(value) : fromAsctime(value);
  return Number.isNaN(date) ? undefined : date - now;
}

/** The one HTTP date that names no zone, and is in UTC: `Sun Nov  6 08:49:37 1994` (RFC 9110 5.6.7). */
function fromAsctime(value: string | null): number {
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(value ?? "");
  return isAsctime ? Date.parse(`${value} GMT`) : Number.NaN;
}

/** A reset is told as the seconds left, as seconds or milliseconds since the epoch, as a date, or as `1m30.5s`. */
function fromReset(value: string | null, now: number): number | undefined {
  const amount = toNumber(value);
  if (amount === undefined) return fromDuration(value) ?? fromSecondsOrDate(value, now);
  if (amount > 1e11) return amount - now;
  return amount > 1e9 ? amount * 1000 - now : amount * 1000;
}

function fromDuration(value: string | null): number | undefined {
  const match = /^(?=\d)(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?$/.exec(value?.trim() ?? "");
  if (match === null) return undefined;
  const [hours, minutes, seconds, milliseconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (((hours ?? 0) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1000 + (milliseconds ?? 0);
}

function latest(first: string | null, second: string | null, now: number): number | undefined {
  const waits = [fromReset(first, now), fromReset(second, now)].filter((wait) => wait !== undefined);
  return waits.length === 0 ? undefined : Math.max(...waits);
}

function toNumber(value: string | null): number | undefined {
  return value !== null && /^\s*-?\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}
