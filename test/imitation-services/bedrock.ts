import type { Dialect } from "./imitation-service.ts";
import { isInteger, isListOf, isObject, isOneOf, isText, problemWith, Refusal } from "./strict-body.ts";
import type { Ranked } from "./word-overlap.ts";

export const BEDROCK_ACCESS_KEY = "AKIAIMITATION";
export const BEDROCK_SECRET_KEY = "imitation-secret-access-key";

const AMAZON_REGIONS = ["ap-northeast-1", "ca-central-1", "eu-central-1", "us-west-2"];
const MODEL_ARN =
  /^arn:(aws|aws-us-gov|aws-cn):bedrock:([a-z0-9-]+)::foundation-model\/(amazon\.rerank-v1:0|cohere\.rerank-v3-5:0)$/;
const MAX_CHARACTERS = 32_000;

const isTextObject = (value: unknown) =>
  problemWith(value, { required: { text: isText(1, MAX_CHARACTERS) } }) === undefined;

const isQuery = (value: unknown) =>
  problemWith(value, { required: { type: isOneOf("TEXT"), textQuery: isTextObject } }) === undefined;

const isInlineDocument = (value: unknown) =>
  problemWith(value, { required: { type: isOneOf("TEXT"), textDocument: isTextObject } }) === undefined ||
  problemWith(value, { required: { type: isOneOf("JSON"), jsonDocument: isObject } }) === undefined;

const isSource = (value: unknown) =>
  problemWith(value, { required: { type: isOneOf("INLINE"), inlineDocumentSource: isInlineDocument } }) === undefined;

interface RerankBody {
  readonly queries: readonly [{ readonly textQuery: { readonly text: string } }];
  readonly sources: readonly {
    readonly inlineDocumentSource: {
      readonly textDocument?: { readonly text: string };
      readonly jsonDocument?: object;
    };
  }[];
  readonly rerankingConfiguration: {
    readonly bedrockRerankingConfiguration: {
      readonly numberOfResults?: number;
      readonly modelConfiguration: { readonly modelArn: string };
    };
  };
  readonly nextToken?: string;
}

/** Bedrock's `POST /rerank` in one region, as the service model says. With a `pageSize`, results come in pages. */
export function bedrock(region: string, pageSize = 1000): Dialect {
  return {
    http2: true,
    error: (_status, message) => ({ message }),
    respond({ path, headers, body }, rank) {
      if (path !== "/rerank")
        throw new Refusal(404, { message: "unknown operation" }, named("UnknownOperationException"));
      checkSignature(String(headers.authorization), region);
      const { queries, sources, rerankingConfiguration, nextToken } = checkBody(body);
      const { numberOfResults = sources.length, modelConfiguration } =
        rerankingConfiguration.bedrockRerankingConfiguration;
      if (numberOfResults > sources.length) throw invalid("numberOfResults is greater than the number of sources");
      checkModel(modelConfiguration.modelArn, region);
      const texts = sources.map(
        ({ inlineDocumentSource: { textDocument, jsonDocument } }) =>
          textDocument?.text ?? JSON.stringify(jsonDocument),
      );
      const ranking = rank(queries[0].textQuery.text, texts, numberOfResults);
      const from = nextToken === undefined ? 0 : Number(nextToken.split("-")[1]);
      const page = ranking.slice(from, from + pageSize).map(toResult);
      const more = from + pageSize < ranking.length ? { nextToken: `page-${from + pageSize}` } : {};
      return { status: 200, body: { results: page, ...more } };
    },
  };
}

function toResult({ index, score }: Ranked) {
  return { index, relevanceScore: score };
}

function checkSignature(authorization: string, region: string): void {
  const scope = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request,/.exec(authorization);
  if (scope === null || scope[1] !== BEDROCK_ACCESS_KEY) {
    throw new Refusal(403, { message: "The security token is invalid." }, named("UnrecognizedClientException"));
  }
  if (scope[2] !== region || scope[3] !== "bedrock") {
    throw new Refusal(403, { message: "Credential should be scoped correctly." }, named("InvalidSignatureException"));
  }
}

function checkBody(body: unknown): RerankBody {
  const problem = problemWith(body, {
    required: {
      queries: isListOf(isQuery, 1, 1),
      sources: isListOf(isSource, 1, 1000),
      rerankingConfiguration: (value) =>
        problemWith(value, {
          required: {
            type: isOneOf("BEDROCK_RERANKING_MODEL"),
            bedrockRerankingConfiguration: (inner) =>
              problemWith(inner, {
                required: {
                  modelConfiguration: (model) =>
                    problemWith(model, {
                      required: { modelArn: isText(1, 2048) },
                      optional: { additionalModelRequestFields: isObject },
                    }) === undefined,
                },
                optional: { numberOfResults: isInteger(1, 1000) },
              }) === undefined,
          },
        }) === undefined,
    },
    optional: { nextToken: isText(1, 2048) },
  });
  if (problem !== undefined) throw invalid(problem);
  return body as RerankBody;
}

function checkModel(modelArn: string, region: string): void {
  const [, , arnRegion, model] = MODEL_ARN.exec(modelArn) ?? [];
  if (arnRegion === undefined) throw invalid("The provided model identifier is invalid.");
  if (arnRegion !== region) throw invalid("Reranking does not support cross-region calls.");
  if (model?.startsWith("amazon.") && !AMAZON_REGIONS.includes(region)) {
    throw new Refusal(404, { message: "The model is not in this region." }, named("ResourceNotFoundException"));
  }
}

function invalid(message: string): Refusal {
  return new Refusal(400, { message }, named("ValidationException"));
}

function named(type: string): Record<string, string> {
  return { "x-amzn-errortype": type };
}
