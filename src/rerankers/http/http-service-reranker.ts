import { PgVectorDBError } from "../../errors.ts";
import {
  type CallAnswer,
  type CallContext,
  HOSTED_OPTION_NAMES,
  HostedReranker,
  type HostedRerankerOptions,
  type RerankCall,
  type ServiceProfile,
} from "../hosted-reranker.ts";
import { checkType } from "../option-checks.ts";
import { howToGiveKey, resolveApiKey } from "./api-key.ts";
import type { Attempt } from "./attempt.ts";
import { endpointUrl } from "./endpoint-url.ts";
import { postJson } from "./post-json.ts";

/** What every reranker that speaks JSON over HTTP can be made with. */
export interface HTTPServiceOptions extends HostedRerankerOptions {
  /** Sent as `Authorization: Bearer …`. Default: the backend's environment variable. */
  readonly apiKey?: string | undefined;
  /** Where the service is, version included, path of the call not: `https://api.cohere.com/v2`. */
  readonly baseUrl?: string | undefined;
  /** Added to every request; they win over ours. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Used instead of the global `fetch`: for a proxy, an agent, or tests. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

export const HTTP_OPTION_NAMES = [
  ...HOSTED_OPTION_NAMES,
  "apiKey",
  "baseUrl",
  "headers",
  "fetch",
] as const satisfies readonly (keyof HTTPServiceOptions)[];

/** What an HTTP service is like, as data. */
export interface HTTPServiceProfile extends ServiceProfile {
  readonly baseUrl: string | undefined;
  /** The path of the call, after `baseUrl`. */
  readonly path: string;
  /** The environment variable with the key. */
  readonly keyVariable: string;
  readonly needsKey: boolean;
}

/** A reranker in three moves: build the `body`, post it, read the `answer`. */
export abstract class HTTPServiceReranker extends HostedReranker {
  readonly #profile: HTTPServiceProfile;
  readonly #url: string;
  readonly #apiKey: string | undefined;
  readonly #headers: Readonly<Record<string, string>>;
  /** What besides the key no error may hold. */
  readonly #secrets: readonly string[];
  readonly #fetch: typeof globalThis.fetch | undefined;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: HTTPServiceOptions, profile: HTTPServiceProfile) {
    const url = endpointUrl(profile.service, options.baseUrl ?? profile.baseUrl, profile.path);
    super(options, { ...profile, identity: [url, ...profile.identity] });
    checkType("apiKey", options.apiKey, "string");
    checkType("fetch", options.fetch, "function");
    this.#profile = profile;
    this.#url = url;
    this.#apiKey = options.apiKey;
    this.#headers = checkHeaders(options.headers);
    // A gateway's key may be in the address: `?subscription-key=…`.
    this.#secrets = [...Object.values(this.#headers), ...new URL(url).searchParams.values()];
    this.#fetch = options.fetch;
  }

  /** The request's body. Fields that are `undefined` are not sent. */
  protected abstract body(call: RerankCall): Readonly<Record<string, unknown>>;

  /** Reads a 2xx answer. @throws PgVectorDBError `invalid_response` */
  protected abstract answer(body: unknown, headers: Headers): CallAnswer;

  /** What to add when the service refused the request (400, 404, 422), given what it said. */
  protected refusalAdvice(_said: string): string | undefined {
    return undefined;
  }

  /** Checks that there is a key where one is needed; nothing is sent. */
  override async load(): Promise<void> {
    this.#key();
  }

  protected override async send(call: RerankCall, { signal }: CallContext): Promise<Attempt<CallAnswer>> {
    const { service, keyVariable } = this.#profile;
    const key = this.#key();
    const outcome = await postJson({
      service,
      url: this.#url,
      headers: this.#requestHeaders(key),
      body: JSON.stringify(this.body(call)),
      fetch: this.#fetch ?? globalThis.fetch,
      signal,
      keyAdvice: `The key was refused: ${howToGiveKey(keyVariable)}.`,
      refusalAdvice: (said) => this.refusalAdvice(said),
      privateText: { query: call.query, texts: call.texts, secrets: [key ?? "", ...this.#secrets] },
    });
    return outcome.ok ? { ok: true, value: this.answer(outcome.value.body, outcome.value.headers) } : outcome;
  }

  #key(): string | undefined {
    const { service, keyVariable, needsKey } = this.#profile;
    // A caller who sends an authorization of their own needs no key from us.
    const optional = !needsKey || Object.keys(this.#headers).some((name) => name.toLowerCase() === "authorization");
    return resolveApiKey({ service, apiKey: this.#apiKey, variable: keyVariable, optional });
  }

  #requestHeaders(key: string | undefined): Headers {
    const headers = new Headers({ "content-type": "application/json", accept: "application/json" });
    if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
    for (const [name, value] of Object.entries(this.#headers)) headers.set(name, value);
    return headers;
  }
}

function checkHeaders(headers: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  try {
    new Headers(headers);
    return { ...headers };
  } catch {
    // The runtime's message quotes the value.
    throw new PgVectorDBError(
      "invalid_argument",
      "`headers` must map header names to strings that a header can carry.",
    );
  }
}
