import type { IncomingMessage, ServerResponse } from "node:http";

/** One request that the imitation saw. */
export interface SeenRequest {
  readonly host: "hub" | "cdn";
  readonly method: string;
  /** Path with its query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

/** Something that goes wrong, for the first `times` requests (default: every one) that match everything given. */
export interface ImitationFault {
  readonly host?: "hub" | "cdn" | undefined;
  readonly method?: "GET" | "HEAD" | undefined;
  readonly url?: RegExp | undefined;
  readonly times?: number | undefined;
  readonly does: FaultEffect;
}

export type FaultEffect =
  /** Answers with a status, headers and a body of its own. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly body?: string | undefined;
    }
  /** Breaks the connection before any answer. */
  | { readonly kind: "hang-up" }
  /** Takes the request and never answers. */
  | { readonly kind: "silence" }
  /** Sends this many bytes of the body, then breaks the connection. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** Sends this many bytes of the body, then nothing more. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** Answers a request for a range with the whole. */
  | { readonly kind: "no-ranges" }
  /** Answers a request for a range with another range. */
  | { readonly kind: "wrong-range" }
  /** Sends other bytes of the same length. */
  | { readonly kind: "damage" }
  /** Goes on sending after the end, without a length. */
  | { readonly kind: "endless" }
  /** Waits for the promise before it answers. */
  | { readonly kind: "wait"; readonly until: Promise<unknown> };

/** The faults still to come. */
export class FaultPlan {
  readonly #faults: { fault: ImitationFault; left: number }[] = [];

  add(...faults: readonly ImitationFault[]): void {
    this.#faults.push(...faults.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY })));
  }

  clear(): void {
    this.#faults.length = 0;
  }

  take(request: SeenRequest): FaultEffect | undefined {
    const found = this.#faults.find(({ fault, left }) => left > 0 && matches(fault, request));
    if (found === undefined) return undefined;
    found.left--;
    return found.fault.does;
  }
}

/** Does what needs no knowledge of the file. @returns whether the request was dealt with */
export async function strike(effect: FaultEffect | undefined, response: ServerResponse): Promise<boolean> {
  switch (effect?.kind) {
    case "answer":
      response.writeHead(effect.status, effect.headers).end(effect.body);
      return true;
    case "hang-up":
      response.destroy();
      return true;
    case "silence":
      return true;
    case "wait":
      await effect.until;
      return false;
    default:
      return false;
  }
}

/** Sends a body the way the effect wants it. */
export function sendBody(effect: FaultEffect | undefined, body: Buffer, response: ServerResponse): void {
  switch (effect?.kind) {
    case "cut":
      response.write(body.subarray(0, effect.afterBytes), () => response.destroy());
      return;
    case "stall":
      response.write(body.subarray(0, effect.afterBytes));
      return;
    case "damage":
      response.end(Buffer.alloc(body.length, "x"));
      return;
    case "endless":
      sendEndlessly(body, response);
      return;
    default:
      response.end(body);
  }
}

function sendEndlessly(body: Buffer, response: ServerResponse): void {
  const send = () => {
    if (!response.destroyed) response.write(body.length > 0 ? body : "x", send);
  };
  send();
}

function matches(fault: ImitationFault, request: SeenRequest): boolean {
  return (
    (fault.host === undefined || fault.host === request.host) &&
    (fault.method === undefined || fault.method === request.method) &&
    (fault.url === undefined || fault.url.test(request.url))
  );
}
