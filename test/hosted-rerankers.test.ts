import { CohereReranker } from "../src/rerankers/cohere-reranker.ts";
import { describeHostedReranker } from "./hosted-reranker.suite.ts";
import { COHERE_KEY, cohere } from "./imitation-services/cohere.ts";

describeHostedReranker({
  name: "cohere",
  dialect: cohere,
  make: (url, options) => new CohereReranker({ apiKey: COHERE_KEY, baseUrl: `${url}/v2`, ...options }),
  maxDocuments: 1000,
  key: COHERE_KEY,
});
