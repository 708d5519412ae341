/**
 * How long a service asks to wait before the next request, in milliseconds; `undefined` when it does not say.
 *
 * Read in this order: `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 10.2.3), then the reset headers
 * that vendors send with a 429.
 *
 * @param now milliseconds since the epoch
 */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const candidates = [
    () => fromMilliseconds(headers.get("retry-after-ms")),
    () => fromSecondsOrDate(headers.get("retry-after"), now),
    () => fromReset(headers.get("x-ratelimit-reset"), now),
    () => fromReset(headers.get("ratelimit-reset"), now),
    () => latest(headers.get("x-ratelimit-reset-requests"), headers.get("x-ratelimit-reset-tokens"), now),
  ];
  for (const read of candidates) {
    const wait = read();
    if (wait !== undefined) return Math.max(0, wait);
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
  const date = value !== null && /GMT|UTC|Z$/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : date - now;
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
