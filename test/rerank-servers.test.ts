import { HTTPReranker } from "../src/rerankers/http-reranker.ts";
import { TEIReranker } from "../src/rerankers/tei-reranker.ts";
import { VLLMReranker } from "../src/rerankers/vllm-reranker.ts";
import { describeHostedReranker } from "./hosted-reranker.suite.ts";
import { COHERE_KEY, cohere } from "./imitation-services/cohere.ts";
import { infinity } from "./imitation-services/infinity.ts";
import { tei } from "./imitation-services/tei.ts";
import { VLLM_MODEL, vllm } from "./imitation-services/vllm.ts";

const OPTIONAL_KEY = "optional-imitation-key";

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
