import type { IncomingMessage, ServerResponse } from "node:http";
import { type FaultEffect, sendBody } from "./imitation-fault.ts";
import type { StoredFile, StoredRevision } from "./imitation-repository.ts";

export type Repositories = ReadonlyMap<string, ReadonlyMap<string, StoredRevision>>;

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly effect: FaultEffect | undefined;
  readonly path: string;
}

export type Handler = (exchange: Exchange) => void;

export function serveHub(
  exchange: Exchange,
  hub: { readonly repos: Repositories; readonly cdnAddress: string; readonly token: string | undefined },
): void {
  const { request, response, path } = exchange;
  if (hub.token !== undefined && request.headers.authorization !== `Bearer ${hub.token}`) {
    refuse(response, 401, "", "Invalid username or password.");
    return;
  }
  const api = /^\/api\/models\/(?<id>.+?)(?:\/(?<what>revision|tree)\/(?<revision>[^/]+))?$/.exec(path)?.groups;
  const file = /^\/(?<id>.+?)\/resolve\/(?<revision>[^/]+)\/(?<name>.+)$/.exec(path)?.groups;
  const asked = api ?? file;
  const repository = hub.repos.get(asked?.["id"] ?? "");
  if (asked === undefined || repository === undefined) {
    refuse(response, 404, "RepoNotFound", "Repository not found");
    return;
  }
  const name = decodeURIComponent(asked["revision"] ?? "main");
  const revision = repository.get(name) ?? [...repository.values()].find(({ commit }) => commit === name);
  if (revision === undefined) {
    refuse(response, 404, "RevisionNotFound", `Invalid rev id: ${name}`);
    return;
  }
  if (file === undefined) {
    describe(response, asked["id"] ?? "", revision, asked["what"] === "tree");
    return;
  }
  serveFile(exchange, hub.cdnAddress, revision, decodeURIComponent(file["name"] ?? ""));
}

function describe(response: ServerResponse, id: string, { commit, files }: StoredRevision, asTree: boolean): void {
  const lfsOf = ({ lfs, size, sha256 }: StoredFile, key: "oid" | "sha256") =>
    lfs ? { lfs: { [key]: sha256, size, pointerSize: 134 } } : {};
  const listing = asTree
    ? [...files].map(([path, file]) => ({
        type: "file",
        path,
        size: file.size,
        oid: file.gitId,
        ...lfsOf(file, "oid"),
      }))
    : {
        id,
        sha: commit,
        siblings: [...files].map(([rfilename, file]) => ({
          rfilename,
          size: file.size,
          blobId: file.gitId,
          ...lfsOf(file, "sha256"),
        })),
      };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(listing));
}

function serveFile(exchange: Exchange, cdnAddress: string, { commit, files }: StoredRevision, name: string): void {
  const { response } = exchange;
  const file = files.get(name);
  response.setHeader("x-repo-commit", commit);
  if (file === undefined) {
    refuse(response, 404, "EntryNotFound", "Entry not found");
    return;
  }
  if (!file.lfs) {
    sendFile(exchange, file);
    return;
  }
  response
    .writeHead(302, {
      location: `${cdnAddress}/content/${commit}/${encodeURIComponent(name)}?X-Amz-Signature=secret`,
      "x-linked-etag": `"${file.etag}"`,
      "x-linked-size": String(file.size),
    })
    .end();
}

export function serveContent(exchange: Exchange, repos: Repositories): void {
  const { request, response, path } = exchange;
  if (request.headers.authorization !== undefined) {
    refuse(response, 400, "", "A signed address takes no token");
    return;
  }
  const [, commit, name] = /^\/content\/([^/]+)\/(.+)$/.exec(path) ?? [];
  const revision = [...repos.values()].flatMap((it) => [...it.values()]).find((it) => it.commit === commit);
  const file = revision?.files.get(decodeURIComponent(name ?? ""));
  if (file === undefined) {
    refuse(response, 404, "", "No such content");
    return;
  }
  sendFile(exchange, { ...file, etag: "an-etag-of-the-content-network" });
}

function sendFile({ request, response, effect }: Exchange, { content, etag }: StoredFile): void {
  response.setHeader("etag", `"${etag}"`);
  response.setHeader("accept-ranges", "bytes");
  const range = effect?.kind === "no-ranges" ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const asked = range?.[1];
  const start = Math.max(0, Number(asked ?? 0) - (effect?.kind === "wrong-range" ? 1 : 0));
  if (asked !== undefined && start >= content.length) {
    response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
    return;
  }
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, content.length) : content.length;
  const body = content.subarray(start, end);
  if (asked !== undefined) {
    response.statusCode = 206;
    response.setHeader("content-range", `bytes ${start}-${end - 1}/${content.length}`);
  }
  if (effect?.kind !== "endless") response.setHeader("content-length", body.length);
  if (request.method === "HEAD") response.end();
  else sendBody(effect, body, response);
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const headers = { ...(code === "" ? {} : { "x-error-code": code }), "x-error-message": message };
  response.writeHead(status, headers).end(JSON.stringify({ error: message }));
}

export function pathOf(url: string): string {
  return new URL(url, "http://imitation").pathname;
}
