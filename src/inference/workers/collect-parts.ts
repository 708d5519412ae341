import type { PartResult } from "./run-portions.ts";
import type { InferenceTask } from "./worker-messages.ts";

/**
 * Resolves as soon as the workers' answers make up the `count` texts of a call: one that is busy with other calls, or
 * still loads, has nothing to add then. Rejects with the first failure.
 */
export function collectParts<Task extends InferenceTask>(
  answers: readonly Promise<readonly PartResult<Task>[]>[],
  count: number,
): Promise<readonly PartResult<Task>[]> {
  return new Promise((resolve, reject) => {
    const collected: PartResult<Task>[] = [];
    let missing = count;
    const collect = (parts: readonly PartResult<Task>[]) => {
      collected.push(...parts);
      missing -= parts.reduce((sum, { positions }) => sum + positions.length, 0);
      if (missing === 0) resolve(collected);
    };
    // What comes after the promise is settled changes nothing, a failure included: the call has all of its scores.
    for (const answer of answers) answer.then(collect, reject);
  });
}
