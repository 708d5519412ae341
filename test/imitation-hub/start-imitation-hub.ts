import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { FaultPlan, type ImitationFault, type SeenRequest, strike } from "./imitation-fault.ts";
import { type ImitationRepository, type StoredRevision, storeRevision } from "./imitation-repository.ts";
import { type Handler, pathOf, serveContent, serveHub } from "./imitation-routes.ts";

export interface ImitationHubOptions {
  readonly repos: Readonly<Record<string, ImitationRepository>>;
  readonly faults?: readonly ImitationFault[] | undefined;
  /** When given, every request to the hub must carry it. */
  readonly token?: string | undefined;
}

/** A hub on this machine, and a second server in the part of the content network that it redirects to. */
export interface ImitationHub extends AsyncDisposable {
  /** For `HF_ENDPOINT`. */
  readonly endpoint: string;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly SeenRequest[];
  /** `"main"` when no revision is named. */
  commitOf(id: string, revision?: string): string;
  /** Replaces or adds a revision, as a push would. */
  push(id: string, revision: string, files: ImitationRepository[string]): void;
  addFaults(...faults: readonly ImitationFault[]): void;
  clearFaults(): void;
  forgetRequests(): void;
  close(): Promise<void>;
}

/**
 * Starts a server that answers as the Hugging Face hub does: the description of a revision, the tree that Python reads,
 * files by HEAD and GET with ETags, ranges and error codes, large files by a redirect to a content network on another
 * port, which refuses requests that carry a token.
 */
export async function startImitationHub(options: ImitationHubOptions): Promise<ImitationHub> {
  const repos = new Map<string, Map<string, StoredRevision>>();
  const push: ImitationHub["push"] = (id, revision, files) => {
    const revisions = repos.get(id) ?? new Map<string, StoredRevision>();
    repos.set(id, revisions.set(revision, storeRevision(id, files)));
  };
  for (const [id, repository] of Object.entries(options.repos)) {
    for (const [revision, files] of Object.entries(repository)) push(id, revision, files);
  }
  const plan = new FaultPlan();
  plan.add(...(options.faults ?? []));
  const requests: SeenRequest[] = [];
  const serve = (host: SeenRequest["host"], handle: Handler) =>
    createServer((request, response) => {
      const seen = { host, method: request.method ?? "", url: request.url ?? "", headers: request.headers };
      requests.push(seen);
      const effect = plan.take(seen);
      void strike(effect, response).then(
        (done) => done || handle({ request, response, effect, path: pathOf(seen.url) }),
      );
    });
  const cdn = serve("cdn", (exchange) => serveContent(exchange, repos));
  const cdnAddress = await listen(cdn);
  const hub = serve("hub", (exchange) => serveHub(exchange, { repos, cdnAddress, token: options.token }));
  const endpoint = await listen(hub);
  const close = async () => {
    await Promise.all([stop(hub), stop(cdn)]);
  };
  return {
    endpoint,
    requests,
    commitOf(id, revision = "main") {
      const commit = repos.get(id)?.get(revision)?.commit;
      if (commit === undefined) throw new Error(`The imitation has no ${id} at ${revision}.`);
      return commit;
    },
    push,
    addFaults: (...faults) => plan.add(...faults),
    clearFaults: () => plan.clear(),
    forgetRequests() {
      requests.length = 0;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Answers that were left hanging on purpose end here.
  server.closeAllConnections();
  await closed;
}
