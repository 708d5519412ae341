import type { ClassifyTask, EmbedTask, InferenceTask } from "./worker-messages.ts";

interface Part<Task extends InferenceTask> {
  /** `positions[i]` is the place of the part's i-th text in the call. */
  readonly positions: readonly number[];
  readonly result: Task["result"];
}

/** Puts the parts of a call that several workers ran back together. */
export function mergeResults<Task extends InferenceTask>(parts: readonly Part<Task>[], count: number): Task["result"] {
  return parts.every(({ result }) => "logits" in result)
    ? mergeScores(parts as readonly Part<ClassifyTask>[], count)
    : { vectors: inCallOrder(parts as readonly Part<EmbedTask>[], count, ({ vectors }) => vectors) };
}

function mergeScores(parts: readonly Part<ClassifyTask>[], count: number): ClassifyTask["result"] {
  return {
    logits: inCallOrder(parts, count, ({ logits }) => logits),
    truncated: parts.flatMap(({ result }) => result.truncated).sort((a, b) => a.index - b.index),
    tokens: parts.reduce((sum, { result }) => sum + result.tokens, 0),
    spans: parts.flatMap(({ result }) => result.spans).sort((a, b) => a.index - b.index),
  };
}

function inCallOrder<Task extends InferenceTask, Value>(
  parts: readonly Part<Task>[],
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
