import { PgVectorDBError } from "../errors.ts";

/** Regions that offer `amazon.rerank-v1:0`. `us-east-1` has only Cohere's. */
const AMAZON_RERANK_REGIONS: ReadonlySet<string> = new Set([
  "ap-northeast-1",
  "ca-central-1",
  "eu-central-1",
  "us-west-2",
]);

const PARTITIONS: readonly (readonly [prefix: string, partition: string])[] = [
  ["us-gov-", "aws-us-gov"],
  ["cn-", "aws-cn"],
  ["us-isob-", "aws-iso-b"],
  ["us-iso-", "aws-iso"],
  ["eusc-", "aws-eusc"],
];

/** The rerank model that a region has. */
export function defaultBedrockModel(region: string): string {
  return AMAZON_RERANK_REGIONS.has(region) ? "amazon.rerank-v1:0" : "cohere.rerank-v3-5:0";
}

/**
 * The ARN of a model in a region, in the region's partition. An ARN is returned as it is.
 *
 * @throws PgVectorDBError `invalid_argument` when an ARN names another region: Bedrock reranks in the client's region only
 */
export function bedrockModelArn(modelId: string, region: string): string {
  if (!modelId.startsWith("arn:")) return `arn:${partitionOf(region)}:bedrock:${region}::foundation-model/${modelId}`;
  const [, partition, service, arnRegion] = modelId.split(":");
  if (partition === undefined || service !== "bedrock" || arnRegion === undefined) {
    throw new PgVectorDBError(
      "invalid_argument",
      "`modelId` is an ARN, but not of a Bedrock model: arn:aws:bedrock:<region>::foundation-model/<id>.",
    );
  }
  if (arnRegion !== region) {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`modelId\` is an ARN of ${arnRegion}, but the client's region is ${region}: Bedrock reranks in one region only. Set \`region\` to the ARN's.`,
    );
  }
  return modelId;
}

function partitionOf(region: string): string {
  return PARTITIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "aws";
}
