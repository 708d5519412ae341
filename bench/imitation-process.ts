import { cohere } from "../test/imitation-services/cohere.ts";
import type { Fault } from "../test/imitation-services/faults.ts";
import { startImitation } from "../test/imitation-services/imitation-service.ts";

/** The imitation of Cohere in a process of its own, so that its work and memory are not measured with ours. */
const faultRate = Number(process.argv[2] ?? 0);
const service = await startImitation(cohere);
const FAULTS: readonly Fault[] = [
  { kind: "status", status: 429, headers: { "retry-after-ms": "20" } },
  { kind: "status", status: 429, headers: { "retry-after": "1" } },
  { kind: "status", status: 500 },
  { kind: "status", status: 503 },
  { kind: "reset" },
  { kind: "reset-in-body" },
  { kind: "stalled-headers" },
  { kind: "stalled-body" },
  { kind: "truncated-json" },
  { kind: "ranking", change: (ranking) => ranking.slice(1) },
];
service.faultFor = () => {
  // What was received is not kept: the server must not run out of memory.
  service.requests.length = 0;
  return Math.random() < faultRate ? FAULTS[Math.floor(Math.random() * FAULTS.length)] : undefined;
};
process.send?.(service.url);
process.once("disconnect", () => process.exit(0));
