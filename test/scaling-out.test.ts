import { once } from "node:events";
import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createReranker } from "../src/rerankers/index.ts";
import { type ImitationService, startImitation } from "./imitation-services/imitation-service.ts";
import { tei } from "./imitation-services/tei.ts";
import { rankByOverlap } from "./imitation-services/word-overlap.ts";

/** The example of docs/scaling-out.md: several servers behind a load balancer that knows nothing of reranking. */
describe("a cluster behind a load balancer", () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it("shares the requests of one rerank, and outlives the loss of a server", async () => {
    const servers = await Promise.all([startImitation(tei), startImitation(tei), startImitation(tei)]);
    closing.push(...servers.map((server) => () => server.close().catch(() => undefined)));
    const balancer = await startRoundRobin(servers);
    closing.push(balancer.close);

    const reranker = createReranker("tei", { baseUrl: balancer.url, concurrency: 6, retryDelayMs: 1 });
    const texts = Array.from(
      { length: 500 },
      (_, index) => `text ${index} ${index % 5 === 0 ? "warm" : ""} ${index % 9 === 0 ? "jacket" : ""}`,
    );
    const expected = rankByOverlap("warm jacket", texts, 10).map(({ index }) => index);

    const result = await reranker.rerankDetailed("warm jacket", texts, { topK: 10 });
    expect(result.documents.map(({ index }) => index)).toEqual(expected);
    expect(result.usage).toMatchObject({ calls: 16, documents: 500, tokens: 3500 });
    for (const server of servers) expect(server.requests.length).toBeGreaterThanOrEqual(5);

    await servers[1]?.close();
    const again = await reranker.rerankDetailed("warm jacket", texts, { topK: 10 });
    expect(again.documents.map(({ index }) => index)).toEqual(expected);
    expect(again.usage.retries).toBeGreaterThan(0);
  });
});

/** As little of a load balancer as there can be: each request to the next server; 502 when that one is gone. */
async function startRoundRobin(
  servers: readonly ImitationService[],
): Promise<{ url: string; close: () => Promise<unknown> }> {
  let turn = 0;
  const balancer = createServer((request, response) => {
    const target = new URL(request.url ?? "", servers[turn++ % servers.length]?.url);
    const onward = forward(target, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.once("error", () => response.writeHead(502).end());
    request.pipe(onward);
  });
  balancer.listen(0, "127.0.0.1");
  await once(balancer, "listening");
  return {
    url: `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`,
    close: async () => {
      balancer.closeAllConnections();
      balancer.close();
      await once(balancer, "close");
    },
  };
}
