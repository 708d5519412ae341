import type { ServerResponse } from "node:http";
import type { Ranked } from "./word-overlap.ts";

/** A way to misbehave, for one request. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** What a proxy in between answers. */
  | { readonly kind: "page"; readonly status: number }
  /** Refuses, and quotes the whole request, headers included, in the error message. */
  | { readonly kind: "echo"; readonly status: number }
  | { readonly kind: "redirect"; readonly location: string }
  | { readonly kind: "stalled-headers" | "stalled-body" | "slow-loris" }
  | { readonly kind: "reset" | "reset-in-body" }
  | { readonly kind: "truncated-json" | "not-json" | "nan-score" | "huge" }
  /** Answers with something else than the ranking. */
  | { readonly kind: "ranking"; readonly change: (ranking: readonly Ranked[]) => readonly unknown[] };

/** Sends an answer's text the wrong way; `cut` breaks the connection. What stalls is ended by closing the service. */
export function sendWithFault(response: ServerResponse, fault: Fault, text: string, cut: () => void): void {
  const json = { "content-type": "application/json" };
  switch (fault.kind) {
    case "status":
      response.writeHead(fault.status, { ...json, ...fault.headers }).end(JSON.stringify({ message: "as told" }));
      return;
    case "page":
      response.writeHead(fault.status, { "content-type": "text/html" }).end("<html><body>Forbidden</body></html>");
      return;
    case "redirect":
      response.writeHead(307, { location: fault.location }).end();
      return;
    case "stalled-headers":
      return;
    case "stalled-body":
      response.writeHead(200, json).write(text.slice(0, text.length / 2));
      return;
    case "slow-loris": {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write(" "), 5);
      response.once("close", () => clearInterval(timer));
      return;
    }
    case "reset":
      cut();
      return;
    case "reset-in-body":
      response.writeHead(200, { ...json, "content-length": text.length }).write(text.slice(0, text.length / 2), cut);
      return;
    case "truncated-json":
      response.writeHead(200, json).end(text.slice(0, text.length / 2));
      return;
    case "not-json":
      response.writeHead(200, { "content-type": "text/html" }).end("<html><body>It works!</body></html>");
      return;
    case "nan-score":
      response.writeHead(200, json).end(text.replace(/("(?:relevance_)?score":|"relevanceScore":)[\d.e-]+/, "$1NaN"));
      return;
    case "huge":
      sendEndlessly(response.writeHead(200, json));
      return;
    default:
      response.writeHead(200, json).end(text);
  }
}

/** 64 MB of blanks before the first brace, as fast as they are taken. */
function sendEndlessly(response: ServerResponse): void {
  const chunk = Buffer.alloc(2 ** 20, " ");
  let left = 64;
  const send = () => {
    while (left-- > 0) {
      if (!response.write(chunk)) {
        response.once("drain", send);
        return;
      }
    }
    response.end("{}");
  };
  send();
}
