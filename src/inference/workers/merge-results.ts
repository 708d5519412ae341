import type { PartResult } from "./run-portions.ts";
import type { ClassifyTask, EmbedTask, InferenceTask } from "./worker-messages.ts";

/** Puts the parts of a call that several workers ran back together. */
export function mergeResults<Task extends InferenceTask>(
  parts: readonly PartResult<Task>[],
  count: number,
): Task["result"] {
  return parts.every(({ result }) => "logits" in result)
    ? mergeScores(parts as readonly PartResult<ClassifyTask>[], count)
    : { vectors: inCallOrder(parts as readonly PartResult<EmbedTask>[], count, ({ vectors }) => vectors) };
}

function mergeScores(parts: readonly PartResult<ClassifyTask>[], count: number): ClassifyTask["result"] {
  return {
    logits: inCallOrder(parts, count, ({ logits }) => logits),
    truncated: parts.flatMap(({ result }) => result.truncated).sort((a, b) => a.index - b.index),
    tokens: parts.reduce((sum, { result }) => sum + result.tokens, 0),
    spans: parts.flatMap(({ result }) => result.spans).sort((a, b) => a.index - b.index),
  };
}

function inCallOrder<Task extends InferenceTask, Value>(
  parts: readonly PartResult<Task>[],
  count: number,
  valuesOf: (result: Task["result"]) => readonly Value[],
): Value[] {
  const merged = new Array<Value>(count);
  for (const { positions, result } of parts) {
    valuesOf(result).forEach((value, i) => {
      merged[positions[i] as number] = value;
    });
  }
  return merged;
}
