import { AWSBedrockReranker } from "../src/rerankers/aws-bedrock-reranker.ts";
import { describeHostedReranker } from "./hosted-reranker.suite.ts";
import { BEDROCK_ACCESS_KEY, BEDROCK_SECRET_KEY, bedrock } from "./imitation-services/bedrock.ts";

describeHostedReranker({
  name: "bedrock",
  dialect: bedrock("us-west-2"),
  make: (endpoint, options) =>
    new AWSBedrockReranker({
      region: "us-west-2",
      endpoint,
      credentials: { accessKeyId: BEDROCK_ACCESS_KEY, secretAccessKey: BEDROCK_SECRET_KEY },
      ...options,
    }),
  maxDocuments: 1000,
  key: BEDROCK_SECRET_KEY,
  ownHttp: false,
});
