import { AWSBedrockReranker } from "../src/rerankers/aws-bedrock-reranker.ts";
import { CohereReranker } from "../src/rerankers/cohere-reranker.ts";
import { HTTPReranker } from "../src/rerankers/http-reranker.ts";
import { JinaReranker } from "../src/rerankers/jina-reranker.ts";
import { TEIReranker } from "../src/rerankers/tei-reranker.ts";
import { VLLMReranker } from "../src/rerankers/vllm-reranker.ts";
import { VoyageReranker } from "../src/rerankers/voyage-reranker.ts";
import { describeHostedReranker } from "./hosted-reranker.suite.ts";
import { BEDROCK_ACCESS_KEY, BEDROCK_SECRET_KEY, bedrock } from "./imitation-services/bedrock.ts";
import { COHERE_KEY, cohere } from "./imitation-services/cohere.ts";
import { infinity } from "./imitation-services/infinity.ts";
import { JINA_KEY, jina } from "./imitation-services/jina.ts";
import { tei } from "./imitation-services/tei.ts";
import { VLLM_MODEL, vllm } from "./imitation-services/vllm.ts";
import { VOYAGE_KEY, voyage } from "./imitation-services/voyage.ts";

const OPTIONAL_KEY = "optional-imitation-key";

describeHostedReranker({
  name: "cohere",
  dialect: cohere,
  make: (url, options) => new CohereReranker({ apiKey: COHERE_KEY, baseUrl: `${url}/v2`, ...options }),
  maxDocuments: 1000,
  key: COHERE_KEY,
});

describeHostedReranker({
  name: "voyage",
  dialect: voyage,
  make: (url, options) => new VoyageReranker({ apiKey: VOYAGE_KEY, baseUrl: `${url}/v1`, ...options }),
  maxDocuments: 1000,
  key: VOYAGE_KEY,
});

describeHostedReranker({
  name: "jina",
  dialect: jina,
  make: (url, options) => new JinaReranker({ apiKey: JINA_KEY, baseUrl: `${url}/v1`, ...options }),
  maxDocuments: 1000,
  key: JINA_KEY,
});

describeHostedReranker({
  name: "jina",
  title: "jina, listwise",
  dialect: jina,
  make: (url, options) =>
    new JinaReranker({ model: "jina-reranker-v3", apiKey: JINA_KEY, baseUrl: `${url}/v1`, ...options }),
  maxDocuments: 1000,
  splits: false,
  key: JINA_KEY,
});

describeHostedReranker({
  name: "tei",
  dialect: tei,
  make: (baseUrl, options) => new TEIReranker({ apiKey: OPTIONAL_KEY, baseUrl, ...options }),
  maxDocuments: 32,
  key: OPTIONAL_KEY,
});

describeHostedReranker({
  name: "vllm",
  dialect: vllm,
  make: (baseUrl, options) => new VLLMReranker({ model: VLLM_MODEL, apiKey: OPTIONAL_KEY, baseUrl, ...options }),
  maxDocuments: 1000,
  key: OPTIONAL_KEY,
});

describeHostedReranker({
  name: "vllm",
  title: "vllm, by /score",
  dialect: vllm,
  make: (baseUrl, options) =>
    new VLLMReranker({ model: VLLM_MODEL, endpoint: "score", apiKey: OPTIONAL_KEY, baseUrl, ...options }),
  maxDocuments: 1000,
  key: OPTIONAL_KEY,
});

describeHostedReranker({
  name: "http",
  title: "http, in Jina's shape",
  dialect: infinity,
  make: (baseUrl, options) => new HTTPReranker({ dialect: "jina", apiKey: OPTIONAL_KEY, baseUrl, ...options }),
  maxDocuments: 1000,
  key: OPTIONAL_KEY,
});

describeHostedReranker({
  name: "http",
  title: "http, in Cohere's shape",
  dialect: cohere,
  make: (url, options) =>
    new HTTPReranker({ model: "rerank-v3.5", apiKey: COHERE_KEY, baseUrl: `${url}/v2/`, ...options }),
  maxDocuments: 1000,
  key: COHERE_KEY,
});

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
