import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { ScoreRequest } from "./score-requests.ts";

/**
 * The child's side of a timed run: reads names of requests from stdin, one a line, and answers each with a line of JSON, the
 * milliseconds from text to scores and the raw scores. `argv[3]` is the file of requests by name.
 *
 * @param ready what the child says of itself
 */
export async function answerRuns(
  ready: string,
  score: (request: ScoreRequest) => Promise<readonly number[]>,
): Promise<void> {
  const requests: Record<string, ScoreRequest> = JSON.parse(await readFile(process.argv[3] as string, "utf8"));
  const answer = (message: object) => console.log(JSON.stringify(message));
  answer({ ready });
  for await (const name of createInterface(process.stdin)) {
    const startedAt = performance.now();
    const scores = await score(requests[name] as ScoreRequest);
    answer({ ms: performance.now() - startedAt, scores });
  }
}
