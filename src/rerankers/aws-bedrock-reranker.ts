import type {
  BedrockAgentRuntimeClient,
  RerankCommandInput,
  RerankSource,
} from "@aws-sdk/client-bedrock-agent-runtime";
import type { RerankInput } from "../contracts/document.ts";
import { PgVectorDBError } from "../errors.ts";
import { importOptional } from "../import-optional.ts";
import { loadOnce } from "../load-once.ts";
import { bedrockModelArn, defaultBedrockModel } from "./bedrock-model-arn.ts";
import { pickFields } from "./document-text.ts";
import {
  type CallAnswer,
  type CallContext,
  HOSTED_OPTION_NAMES,
  HostedReranker,
  type HostedRerankerOptions,
  type RerankCall,
} from "./hosted-reranker.ts";
import type { Attempt } from "./http/attempt.ts";
import { awsFailure } from "./http/aws-failure.ts";
import { endpointUrl } from "./http/endpoint-url.ts";
import { readRanking } from "./http/read-answer.ts";
import type { PrivateText } from "./http/without-echo.ts";
import { checkOptionNames, checkType } from "./option-checks.ts";

/** AWS credentials as the AWS SDK takes them. */
export interface AWSCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** When a function's credentials end: it is asked again five minutes before. Without it, it is asked once. */
  readonly expiration?: Date | undefined;
}

export interface AWSBedrockRerankerOptions extends HostedRerankerOptions {
  /** Default: as the AWS SDK finds it (`AWS_REGION`, the profile). */
  readonly region?: string | undefined;
  /** A model id or ARN. Default: `amazon.rerank-v1:0` where the region has it, else `cohere.rerank-v3-5:0`. */
  readonly modelId?: string | undefined;
  /** Default: the AWS SDK's own chain (environment, profile, SSO, container, instance). */
  readonly credentials?: AWSCredentials | (() => Promise<AWSCredentials>) | undefined;
  /** Another endpoint than the region's: a VPC endpoint, a proxy. */
  readonly endpoint?: string | undefined;
}

const SERVICE = "Amazon Bedrock";
const PACKAGE = "@aws-sdk/client-bedrock-agent-runtime";
const OWN_OPTIONS = ["region", "modelId", "credentials", "endpoint"] as const;

type Sdk = typeof import("@aws-sdk/client-bedrock-agent-runtime");

interface Connection {
  readonly sdk: Sdk;
  readonly client: BedrockAgentRuntimeClient;
  readonly modelArn: string;
}

/**
 * The Rerank call of Amazon Bedrock, through AWS's own client, which is loaded on first use:
 * `npm install @aws-sdk/client-bedrock-agent-runtime`. `fields` are sent as JSON documents. Bedrock reports no usage.
 *
 * @example
 * ```ts
 * const reranker = new AWSBedrockReranker({ region: "us-west-2", onError: { fallback: local } });
 * ```
 */
export class AWSBedrockReranker extends HostedReranker {
  override readonly name = "bedrock";
  override readonly scale = "unit";
  readonly #options: AWSBedrockRerankerOptions;
  readonly #connect = loadOnce(() => this.#open());
  #client: BedrockAgentRuntimeClient | undefined;

  /** @throws PgVectorDBError `invalid_argument` */
  constructor(options: AWSBedrockRerankerOptions = {}) {
    checkOptionNames("AWSBedrockReranker", options, [...HOSTED_OPTION_NAMES, ...OWN_OPTIONS]);
    const { region, modelId, credentials, endpoint, fields } = options;
    checkType("region", region, "string");
    checkType("modelId", modelId, "string");
    if (credentials !== undefined && typeof credentials !== "function" && !isCredentials(credentials)) {
      throw new PgVectorDBError(
        "invalid_argument",
        "`credentials` must be an object with `accessKeyId` and `secretAccessKey`, or a function that gives one.",
      );
    }
    if (endpoint !== undefined) endpointUrl(SERVICE, endpoint, "", "endpoint");
    if (region !== undefined) bedrockModelArn(modelId ?? defaultBedrockModel(region), region);
    super(options, {
      service: SERVICE,
      // JSON documents are not cut: half of one is not JSON.
      limits: { maxDocuments: 1000, maxCharacters: fields === undefined ? 32_000 : undefined },
      scoring: "pairs",
      identity: [region ?? "", modelId ?? "", endpoint ?? "", JSON.stringify(fields ?? [])],
      fieldFormat: "lines",
    });
    this.#options = options;
  }

  /** Loads the AWS client and settles on region and model; nothing is sent. */
  override async load(): Promise<void> {
    await this.#connect();
  }

  override async close(): Promise<void> {
    await super.close();
    this.#client?.destroy();
  }

  protected override async send(call: RerankCall, { signal, meter }: CallContext): Promise<Attempt<CallAnswer>> {
    const { sdk, client, modelArn } = await this.#connect();
    const input = this.#input(call, modelArn);
    const scores: CallAnswer["scores"][number][] = [];
    const tokens = new Set<string>();
    let nextToken: string | undefined;
    do {
      if (nextToken !== undefined) meter.add({ calls: 1 });
      const command = new sdk.RerankCommand({ ...input, ...(nextToken === undefined ? {} : { nextToken }) });
      try {
        const page = await client.send(command, { abortSignal: signal });
        scores.push(...readRanking(SERVICE, page.results, "results", "relevanceScore"));
        nextToken = page.nextToken;
      } catch (error) {
        if (error instanceof PgVectorDBError) throw error;
        signal.throwIfAborted();
        return awsFailure({ service: SERVICE, error, privateText: this.#privateText(call) });
      }
      // A page that names an earlier page, or pages without end, would never be done.
      if (nextToken !== undefined && (tokens.has(nextToken) || scores.length >= call.topN)) break;
      if (nextToken !== undefined) tokens.add(nextToken);
    } while (nextToken !== undefined);
    return { ok: true, value: { scores } };
  }

  #privateText({ query, texts }: RerankCall): PrivateText {
    const { credentials } = this.#options;
    const known = typeof credentials === "function" ? undefined : credentials;
    const secrets = [known?.accessKeyId, known?.secretAccessKey, known?.sessionToken];
    return { query, texts, secrets: secrets.filter((secret) => secret !== undefined) };
  }

  #input({ query, texts, documents, topN }: RerankCall, modelArn: string): RerankCommandInput {
    return {
      queries: [{ type: "TEXT", textQuery: { text: query } }],
      sources: texts.map((text, at) => this.#source(text, documents[at] as RerankInput)),
      rerankingConfiguration: {
        type: "BEDROCK_RERANKING_MODEL",
        bedrockRerankingConfiguration: { numberOfResults: topN, modelConfiguration: { modelArn } },
      },
    };
  }

  #source(text: string, document: RerankInput): RerankSource {
    const { fields } = this.#options;
    if (fields === undefined || typeof document === "string") {
      return { type: "INLINE", inlineDocumentSource: { type: "TEXT", textDocument: { text } } };
    }
    // Through JSON and back: what JSON cannot say (dates, undefined) the SDK cannot either.
    const jsonDocument = JSON.parse(JSON.stringify(pickFields(document, fields)));
    return { type: "INLINE", inlineDocumentSource: { type: "JSON", jsonDocument } };
  }

  async #open(): Promise<Connection> {
    const sdk = await importOptional<Sdk>(PACKAGE, () => import("@aws-sdk/client-bedrock-agent-runtime"), {
      neededFor: "AWSBedrockReranker",
    });
    const { region, modelId, credentials, endpoint } = this.#options;
    const client = new sdk.BedrockAgentRuntimeClient({
      // Retries are ours: the SDK's do not end with our deadline.
      maxAttempts: 1,
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials: toSdkCredentials(credentials) }),
    });
    const clientRegion = await client.config.region().catch(() => {
      throw new PgVectorDBError(
        "invalid_argument",
        "`region` is needed: pass it, set AWS_REGION, or name it in the AWS profile.",
      );
    });
    this.#client = client;
    return { sdk, client, modelArn: bedrockModelArn(modelId ?? defaultBedrockModel(clientRegion), clientRegion) };
  }
}

type SdkCredentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string; expiration?: Date };

function toSdkCredentials(credentials: AWSCredentials | (() => Promise<AWSCredentials>)) {
  return typeof credentials === "function" ? () => askFor(credentials) : plain(credentials);
}

/** @throws PgVectorDBError `unauthorized`; what a caller's function throws may hold what it asked with */
async function askFor(credentials: () => Promise<AWSCredentials>): Promise<SdkCredentials> {
  let given: unknown;
  try {
    given = await credentials();
  } catch {
    throw new PgVectorDBError("unauthorized", "The function `credentials` failed, so Amazon Bedrock was not asked.");
  }
  if (isCredentials(given)) return plain(given);
  throw new PgVectorDBError("unauthorized", "The function `credentials` gave no `accessKeyId` and `secretAccessKey`.");
}

function plain({ accessKeyId, secretAccessKey, sessionToken, expiration }: AWSCredentials): SdkCredentials {
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(expiration === undefined ? {} : { expiration }),
  };
}

function isCredentials(value: unknown): value is AWSCredentials {
  const { accessKeyId, secretAccessKey } = (value ?? {}) as { accessKeyId?: unknown; secretAccessKey?: unknown };
  const isKey = (key: unknown) => typeof key === "string" && key.trim() !== "";
  return isKey(accessKeyId) && isKey(secretAccessKey);
}
