import { CohereReranker } from "../src/rerankers/cohere-reranker.ts";
import { JinaReranker } from "../src/rerankers/jina-reranker.ts";
import { VoyageReranker } from "../src/rerankers/voyage-reranker.ts";
import { describeHostedReranker } from "./hosted-reranker.suite.ts";
import { COHERE_KEY, cohere } from "./imitation-services/cohere.ts";
import { JINA_KEY, jina } from "./imitation-services/jina.ts";
import { VOYAGE_KEY, voyage } from "./imitation-services/voyage.ts";

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
