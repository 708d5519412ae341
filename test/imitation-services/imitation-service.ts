import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, type Http2ServerRequest } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { type Fault, sendWithFault } from "./faults.ts";
import { Refusal, type Reply } from "./strict-body.ts";
import { type Ranked, rankByOverlap } from "./word-overlap.ts";

export interface ServiceRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export type Rank = (query: string, texts: readonly string[], topN?: number) => readonly Ranked[];

/** One vendor's way to talk: checks a request as strictly as the vendor and answers it, or throws a `Refusal`. */
export interface Dialect {
  respond(request: ServiceRequest, rank: Rank): Reply;
  /** Whether the vendor's client speaks HTTP/2 only. */
  readonly http2?: boolean;
  /** The body of an error, as this vendor writes it. */
  error(status: number, message: string): unknown;
}

export interface ImitationService extends AsyncDisposable {
  readonly url: string;
  /** Every request so far, misbehaved ones included. */
  readonly requests: ServiceRequest[];
  /** How many requests the client gave up before they were answered. */
  readonly abandoned: number;
  /** Taken from the front, one for each request. */
  readonly faults: Fault[];
  /** Asked when `faults` is empty. */
  faultFor: (requestNumber: number) => Fault | undefined;
  close(): Promise<void>;
}

/** Starts a server on a free local port that speaks one dialect, and misbehaves when told to. */
export async function startImitation(dialect: Dialect): Promise<ImitationService> {
  const server: Server = dialect.http2
    ? // Node's HTTP/2 server hands out objects with the interface of its HTTP/1 ones.
      createHttp2Server((request, response) => void handle(request, response as unknown as ServerResponse))
    : createServer((request, response) => void handle(request, response));
  let abandoned = 0;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  async function handle(request: IncomingMessage | Http2ServerRequest, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // The client went away.
      return;
    }
    const text = Buffer.concat(chunks).toString();
    const received = { path: request.url ?? "", headers: request.headers, body: parseJson(text) };
    service.requests.push(received);
    response.once("close", () => {
      if (!response.writableEnded) abandoned++;
    });
    const fault = service.faults.shift() ?? service.faultFor(service.requests.length);
    const rank: Rank = (query, texts, topN) => {
      const ranking = rankByOverlap(query, texts, topN);
      return fault?.kind === "ranking" ? (fault.change(ranking) as Ranked[]) : ranking;
    };
    if (fault?.kind === "echo") {
      const quoted = `cannot take ${text} with ${JSON.stringify(request.headers)}`;
      send(response, { status: fault.status, body: dialect.error(fault.status, quoted) });
      return;
    }
    const reply = refusable(() =>
      request.method === "POST"
        ? dialect.respond(received, rank)
        : { status: 405, body: dialect.error(405, "POST only") },
    );
    if (fault === undefined) send(response, reply);
    else sendWithFault(response, fault, JSON.stringify(reply.body), () => cut(request));
  }

  const service: ImitationService = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    get abandoned() {
      return abandoned;
    },
    faults: [],
    faultFor: () => undefined,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
    [Symbol.asyncDispose]: () => service.close(),
  };
  return service;
}

function cut(request: IncomingMessage | Http2ServerRequest): void {
  if ("stream" in request) request.stream.session?.destroy();
  else request.socket.resetAndDestroy();
}

function send(response: ServerResponse, { status, body, headers }: Reply): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

function refusable(respond: () => Reply): Reply {
  try {
    return respond();
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    return { status: 500, body: { message: String(error) } };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
