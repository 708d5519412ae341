import { setTimeout as sleep } from "node:timers/promises";
import { throwIfAborted } from "../../deadline.ts";
import { PgVectorDBError } from "../../errors.ts";

export interface Patience {
  /** Attempts in a row that bring nothing before a request or a download is given up. */
  readonly attempts: number;
  /** The longest wait for the answer to begin, in milliseconds. */
  readonly answerMs: number;
  /** The longest pause inside an answer, in milliseconds. */
  readonly stallMs: number;
  /** The wait before the second attempt, in milliseconds; it doubles from there. */
  readonly firstDelayMs: number;
  /** The longest wait between two attempts, in milliseconds. A server that asks for more is not waited for. */
  readonly longestDelayMs: number;
}

export const PATIENCE: Patience = {
  attempts: 5,
  answerMs: 20_000,
  stallMs: 30_000,
  firstDelayMs: 500,
  longestDelayMs: 60_000,
};

export interface HubConnection {
  readonly endpoint: string;
  readonly readToken: () => Promise<string | undefined>;
  readonly fetch: typeof fetch;
  readonly patience: Patience;
}

export interface HubRequest {
  readonly method: "GET" | "HEAD";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** `"description"` stops at a redirect to a content network that describes the file, and answers with that redirect. */
  readonly follow: "content" | "description";
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body has not been read. Whoever gets one reads it to its end or closes it. */
export interface HubAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Headers of every hop, the first one first: the hub describes a file on the redirect to its content. */
  readonly hops: readonly Headers[];
  /** Whether the hub itself gave this answer, and not a host it redirected to. */
  readonly fromHub: boolean;
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
  close(): void;
}

const HUB_ORIGIN = "https://huggingface.co";
const MAX_REDIRECTS = 10;
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Sends a request, again and again with growing pauses while the server is overloaded or out of reach.
 *
 * @returns the last answer, whatever its status
 * @throws PgVectorDBError `network` when no answer came, `aborted`
 */
export async function requestFromHub(connection: HubConnection, request: HubRequest): Promise<HubAnswer> {
  const { patience } = connection;
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt >= patience.attempts;
    let askedDelayMs: number | undefined;
    try {
      const answer = await requestOnce(connection, request);
      if (isLast || !isRetried(answer)) return answer;
      askedDelayMs = retryAfterMs(answer.headers);
      if (askedDelayMs !== undefined && askedDelayMs > patience.longestDelayMs) return answer;
      answer.close();
    } catch (error) {
      throwIfAborted(request.signal);
      if (isLast || !(error instanceof PgVectorDBError && error.retryable)) throw error;
    }
    await pause(connection, attempt, request.signal, askedDelayMs);
  }
}

/** Waits before the next attempt: what the server asked for, else a delay that doubles, with chance so that clients spread. */
export async function pause(
  { patience }: HubConnection,
  attempt: number,
  signal: AbortSignal | undefined,
  askedDelayMs?: number | undefined,
): Promise<void> {
  const doubled = Math.min(patience.firstDelayMs * 2 ** (attempt - 1), patience.longestDelayMs);
  try {
    await sleep(askedDelayMs ?? doubled * (0.5 + Math.random() / 2), undefined, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}

/** What a `Retry-After` header asks for, in milliseconds. */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

async function requestOnce(connection: HubConnection, request: HubRequest): Promise<HubAnswer> {
  const token = await connection.readToken();
  const endpoint = new URL(connection.endpoint);
  const hops: Headers[] = [];
  let url = new URL(request.url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    // A mirror may send us on to the hub itself, which is where tokens come from.
    const fromHub = url.origin === endpoint.origin || url.origin === HUB_ORIGIN;
    const headers: Record<string, string> = {
      "accept-encoding": "identity",
      "user-agent": "pgvectordb",
      ...request.headers,
      // Only the hub itself may see the token: content networks get a signed address instead.
      ...(fromHub && token !== undefined ? { authorization: `Bearer ${token}` } : {}),
    };
    const answer = await send(connection, request, url, headers, { hops, fromHub });
    hops.push(answer.headers);
    const location = answer.headers.get("location");
    if (answer.status < 300 || answer.status >= 400 || location === null) return answer;
    const next = redirectTarget(url, location);
    if (request.follow === "description" && next.origin !== url.origin && describesFile(answer.headers)) return answer;
    answer.close();
    url = next;
  }
  throw new PgVectorDBError("network", `${endpoint.host} redirects in a circle: more than ${MAX_REDIRECTS} redirects.`);
}

function describesFile(headers: Headers): boolean {
  return headers.has("x-linked-etag") || headers.has("etag");
}

function redirectTarget(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const safe = to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:");
  if (to === undefined || !safe || to.username !== "" || to.password !== "") {
    throw new PgVectorDBError(
      "network",
      `${from.host} redirects to an address that is not followed: it is not https, or carries a user name.`,
    );
  }
  return to;
}

async function send(
  connection: HubConnection,
  request: HubRequest,
  url: URL,
  headers: Record<string, string>,
  facts: Pick<HubAnswer, "hops" | "fromHub">,
): Promise<HubAnswer> {
  const { signal } = request;
  const { answerMs, stallMs } = connection.patience;
  throwIfAborted(signal);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const watchdog = setTimeout(() => controller.abort(silence(url, answerMs)), answerMs);
  const release = () => {
    clearTimeout(watchdog);
    signal?.removeEventListener("abort", onAbort);
  };
  try {
    const { fetch } = connection;
    const response = await fetch(url.href, {
      method: request.method,
      headers,
      redirect: "manual",
      signal: controller.signal,
    });
    clearTimeout(watchdog);
    return {
      ...facts,
      status: response.status,
      headers: response.headers,
      chunks: () => readChunks(response, { url, controller, stallMs, signal, release }),
      close() {
        release();
        controller.abort();
      },
    };
  } catch (error) {
    release();
    throwIfAborted(signal);
    throw unreachable(url, controller.signal.aborted ? controller.signal.reason : error);
  }
}

interface BodyReading {
  readonly url: URL;
  readonly controller: AbortController;
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
  readonly release: () => void;
}

async function* readChunks(response: Response, reading: BodyReading): AsyncGenerator<Uint8Array, void, undefined> {
  const { url, controller, stallMs, signal, release } = reading;
  const reader = response.body?.getReader();
  try {
    while (reader !== undefined) {
      // Runs only while the server is waited for: the reader's own work, such as a slow disk, is not its silence.
      const watchdog = setTimeout(() => controller.abort(silence(url, stallMs)), stallMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(watchdog));
      if (done) return;
      yield value;
    }
  } catch (error) {
    throwIfAborted(signal);
    throw unreachable(url, controller.signal.aborted ? controller.signal.reason : error);
  } finally {
    release();
    // Frees the connection when the reader stopped early; after the end it does nothing.
    controller.abort();
  }
}

function isRetried(answer: HubAnswer): boolean {
  // A signed address that has run out answers 403; asking the hub again gives a fresh one.
  return RETRIED_STATUSES.has(answer.status) || (!answer.fromHub && [401, 403].includes(answer.status));
}

function silence(url: URL, ms: number): PgVectorDBError {
  return new PgVectorDBError("network", `${url.host} was silent for ${ms / 1000} s.`, { retryable: true });
}

function unreachable(url: URL, cause: unknown): PgVectorDBError {
  if (cause instanceof PgVectorDBError) return cause;
  return new PgVectorDBError("network", `The connection to ${url.host} failed${reasonOf(cause)}.`, {
    retryable: true,
    cause,
  });
}

/** Node's `fetch` says only "fetch failed"; the system's code is one level below. */
function reasonOf(error: unknown): string {
  const inner = (error as { cause?: unknown } | null)?.cause ?? error;
  const code = (inner as { code?: unknown } | null)?.code;
  return typeof code === "string" ? ` (${code})` : "";
}
