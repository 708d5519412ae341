import { takeNext } from "./call-progress.ts";
import type { Steps } from "./fair-scheduler.ts";
import { isAllTaken, type SharedTexts } from "./share-texts.ts";
import type { InferenceTask, TextPart } from "./worker-messages.ts";

/** Runs the model on some of a request's texts. */
export type RunPart<Task extends InferenceTask> = (part: TextPart) => Steps<Task["result"]>;

/** What a worker did of a call. */
export interface PartResult<Task extends InferenceTask> {
  /** `positions[i]` is the place in the caller's list of the text that the i-th of `result` belongs to. */
  readonly positions: readonly number[];
  readonly result: Task["result"];
}

/**
 * Takes portions of a call until there are none left, which is nothing at all where other workers were faster. `begin`
 * does what is done once for all portions, and only where there is one.
 */
export async function* runPortions<Task extends InferenceTask>(
  shared: SharedTexts,
  begin: () => Promise<RunPart<Task>>,
): Steps<readonly PartResult<Task>[]> {
  const done: PartResult<Task>[] = [];
  let run: RunPart<Task> | undefined;
  for (let part = takePortion(shared); part !== undefined; part = takePortion(shared)) {
    run ??= await begin();
    done.push({ positions: part.positions, result: yield* run(part) });
    // Its answer does not wait for a turn that has nothing to do.
    if (isAllTaken(shared)) break;
    yield undefined;
  }
  return done;
}

function takePortion({ texts, positions, ends, progress }: SharedTexts): TextPart | undefined {
  const portion = takeNext(progress);
  const end = ends[portion];
  if (end === undefined) return undefined;
  const start = ends[portion - 1] ?? 0;
  return { texts: texts.slice(start, end), positions: positions.slice(start, end) };
}
