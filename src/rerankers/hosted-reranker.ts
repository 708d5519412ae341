import type { RerankInput } from "../contracts/document.ts";
import { PgVectorDBError } from "../errors.ts";
import {
  BASE_OPTION_NAMES,
  BaseReranker,
  type BaseRerankerOptions,
  type ScoreRequest,
  type ScoreResult,
} from "./base-reranker.ts";
import type { CacheOptions } from "./cache/lru-cache.ts";
import { createScoreCache, type ScoreCache } from "./cache/score-cache.ts";
import { listKey, pairKeys } from "./cache/score-key.ts";
import type { FieldFormat } from "./document-text.ts";
import { fitTexts } from "./fit-texts.ts";
import { allOrAbort } from "./http/all-or-abort.ts";
import type { Attempt } from "./http/attempt.ts";
import { type CallLimits, planCalls } from "./http/plan-calls.ts";
import { retry } from "./http/retry.ts";
import { Semaphore } from "./http/semaphore.ts";
import { checkInteger } from "./option-checks.ts";
import { type IndexedScore, rankScores } from "./rank-scores.ts";
import type { UsageMeter } from "./usage-meter.ts";

/** What every hosted or remote reranker can be made with. `timeoutMs` is 60,000 unless given here or per call. */
export interface HostedRerankerOptions extends BaseRerankerOptions {
  /** Documents per request at most. Default: the service's limit. */
  readonly maxDocumentsPerCall?: number | undefined;
  /** Requests under way at once, over all reranks of this object. The rest wait in line, under their deadlines. Default 8. */
  readonly concurrency?: number | undefined;
  /** How often one request is made again after a failure that may pass. Default 3. */
  readonly maxRetries?: number | undefined;
  /** The first back-off in milliseconds; it doubles, up to 10 s, with jitter. A service's `Retry-After` wins. Default 250. */
  readonly retryDelayMs?: number | undefined;
  /** Remembers scores in memory, and makes concurrent identical requests once. Default: no cache. */
  readonly cache?: boolean | CacheOptions | undefined;
}

export const HOSTED_OPTION_NAMES = [
  ...BASE_OPTION_NAMES,
  "maxDocumentsPerCall",
  "concurrency",
  "maxRetries",
  "retryDelayMs",
  "cache",
] as const satisfies readonly (keyof HostedRerankerOptions)[];

/** What a service is like, as data. */
export interface ServiceProfile {
  /** The service's name, as a person knows it. */
  readonly service: string;
  readonly limits: CallLimits;
  /** `pairs`: a document's score does not depend on the others, so a list may be split. `list`: it does. */
  readonly scoring: "pairs" | "list";
  /** Everything that decides a score besides query and text: address, model, settings. */
  readonly identity: readonly string[];
  readonly fieldFormat: FieldFormat;
}

/** One request: some of the documents of one rerank. */
export interface RerankCall {
  readonly query: string;
  /** Within the service's limits, none blank. */
  readonly texts: readonly string[];
  /** `documents[i]` is the caller's document of `texts[i]`. */
  readonly documents: readonly RerankInput[];
  /** How many scores are wanted, 1 to `texts.length`. */
  readonly topN: number;
}

/** What a service said to one request: the best `topN` or all, by position in `texts`. */
export interface CallAnswer {
  readonly scores: readonly IndexedScore[];
  readonly tokens?: number | undefined;
  readonly searchUnits?: number | undefined;
}

export interface CallContext {
  readonly signal: AbortSignal;
  readonly meter: UsageMeter;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/** A blank document is not sent: services refuse it or bill it. It gets the lowest score there is (a logit of -100 is 4e-44 on 0..1). */
const BLANK_SCORE = { unit: 0, logit: -100, cosine: -1 } as const;

type Ask = (positions: readonly number[], topK: number | undefined) => Promise<IndexedScore[]>;

/** Everything that rerankers behind a network have in common: limits, planning, queueing, retries, accounting, cache. */
export abstract class HostedReranker extends BaseReranker {
  protected readonly profile: ServiceProfile;
  readonly #semaphore: Semaphore;
  readonly #maxRetries: number;
  readonly #retryDelayMs: number;
  readonly #cache: ScoreCache | undefined;
  #closed = false;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: HostedRerankerOptions, profile: ServiceProfile) {
    super(options, { fieldFormat: profile.fieldFormat, timeoutMs: DEFAULT_TIMEOUT_MS });
    checkInteger("maxDocumentsPerCall", options.maxDocumentsPerCall, 1);
    checkInteger("concurrency", options.concurrency, 1);
    checkInteger("maxRetries", options.maxRetries, 0);
    checkInteger("retryDelayMs", options.retryDelayMs, 0);
    const maxDocuments = options.maxDocumentsPerCall ?? profile.limits.maxDocuments;
    this.profile = { ...profile, limits: { ...profile.limits, maxDocuments } };
    this.#semaphore = new Semaphore(options.concurrency ?? 8);
    this.#maxRetries = options.maxRetries ?? 3;
    this.#retryDelayMs = options.retryDelayMs ?? 250;
    this.#cache = createScoreCache(options.cache);
  }

  /** Makes one request, once. What may succeed when repeated is a failed attempt; anything else may be thrown. */
  protected abstract send(call: RerankCall, context: CallContext): Promise<Attempt<CallAnswer>>;

  /** Also forgets the cache. A rerank after it is refused; one under way may fail. */
  override async close(): Promise<void> {
    this.#closed = true;
    this.#cache?.clear();
  }

  protected override async score(request: ScoreRequest): Promise<ScoreResult> {
    if (this.#closed) throw new PgVectorDBError("closed", `This ${this.profile.service} reranker was closed.`);
    const { maxCharacters } = this.profile.limits;
    if (maxCharacters !== undefined && request.query.length > maxCharacters) {
      throw new PgVectorDBError(
        "invalid_argument",
        `\`query\` has ${request.query.length} characters; ${this.profile.service} takes at most ${maxCharacters}.`,
      );
    }
    const { texts, truncated } = fitTexts(request.texts, maxCharacters);
    const isBlank = texts.map((text) => text.trim() === "");
    const positions = [...texts.keys()].filter((position) => !isBlank[position]);
    const ask: Ask = (asked, topK) => this.#ask({ ...request, texts }, asked, topK);
    const scores =
      positions.length === 0
        ? []
        : this.#cache === undefined
          ? await ask(positions, request.topK)
          : await this.#askCache(this.#cache, { ...request, texts }, positions, ask);
    const blanks = [...texts.keys()].filter((position) => isBlank[position]);
    return {
      scores: [...scores, ...blanks.map((index) => ({ index, rawScore: BLANK_SCORE[this.scale] }))],
      truncated,
    };
  }

  /** Asks the service about some documents: plans the requests, makes them side by side, checks and merges the answers. */
  async #ask(
    { query, texts, documents, signal, deadlineAt, meter }: ScoreRequest,
    positions: readonly number[],
    topK: number | undefined,
  ): Promise<IndexedScore[]> {
    const asked = positions.map((position) => texts[position] as string);
    const plan = planCalls(query, asked, this.profile.limits);
    if (plan.length > 1 && this.profile.scoring === "list") throw this.#tooLongForList(asked.length);
    const onRetry = () => meter.add({ retries: 1 });
    const retrying = { maxRetries: this.#maxRetries, retryDelayMs: this.#retryDelayMs, deadlineAt, onRetry };
    const answers = await allOrAbort(plan, signal, async ({ from, to }, callSignal) => {
      const slice = positions.slice(from, to);
      const call: RerankCall = {
        query,
        texts: asked.slice(from, to),
        documents: slice.map((position) => documents[position] as RerankInput),
        topN: Math.min(topK ?? slice.length, slice.length),
      };
      const attempt = () => {
        meter.add({ calls: 1 });
        return this.send(call, { signal: callSignal, meter });
      };
      const inTurn = () => this.#semaphore.run(callSignal, attempt);
      const { scores, tokens, searchUnits } = await retry(inTurn, { ...retrying, signal: callSignal });
      meter.add({ tokens, searchUnits });
      const checked = rankScores(scores, { scale: this.scale, documentCount: slice.length, topK: call.topN });
      return checked.map(({ index, rawScore }) => ({ index: slice[index] as number, rawScore }));
    });
    return answers.flat();
  }

  /** All scores are asked for, not the best few: the next call may want the others. */
  async #askCache(
    cache: ScoreCache,
    { query, texts, signal, meter }: ScoreRequest,
    positions: readonly number[],
    ask: Ask,
  ): Promise<IndexedScore[]> {
    const identity = [this.name, ...this.profile.identity];
    const asked = positions.map((position) => texts[position] as string);
    const scoresOf = async (wanted: readonly number[]) => {
      const byPosition = new Map((await ask(wanted, undefined)).map(({ index, rawScore }) => [index, rawScore]));
      return wanted.map((position) => byPosition.get(position) as number);
    };
    const isList = this.profile.scoring === "list";
    const { scores, hits } = isList
      ? await cache.getAll([listKey(identity, query, asked)], signal, async () => [await scoresOf(positions)])
      : await cache.getAll(pairKeys(identity, query, asked), signal, async (missing) =>
          (await scoresOf(missing.map((at) => positions[at] as number))).map((score) => [score]),
        );
    meter.add({ cacheHits: isList ? hits * positions.length : hits });
    const flat = scores.flat();
    return positions.map((index, at) => ({ index, rawScore: flat[at] as number }));
  }

  #tooLongForList(documentCount: number): PgVectorDBError {
    const { service, limits } = this.profile;
    return new PgVectorDBError(
      "invalid_argument",
      `${documentCount} documents are more than ${service} takes in one request (${limits.maxDocuments}), and the list is not split: ` +
        "this model's scores depend on the other documents of the request, so scores of two requests do not compare. Pass fewer candidates.",
    );
  }
}
