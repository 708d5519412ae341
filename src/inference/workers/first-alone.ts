import { untilAborted } from "./until-aborted.ts";

/** Lets the first piece of work go alone, since the others profit from what it leaves. */
export class FirstAlone {
  #underWay: Promise<boolean> | undefined;
  #isDone = false;

  /**
   * Runs `work` alone when it is the first here; others wait until one has done it, and then run at the same time. When the first
   * fails, the next goes first.
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    while (this.#underWay !== undefined) {
      const waitedFor = this.#underWay;
      await untilAborted(signal, () => waitedFor);
    }
    if (this.#isDone) return work();
    const result = work();
    const outcome = result.then(
      () => true,
      () => false,
    );
    this.#underWay = outcome;
    this.#isDone = await outcome;
    this.#underWay = undefined;
    return result;
  }
}

const byKey = new Map<string, FirstAlone>();

/** The one of this process for a key. */
export function firstAloneOf(key: string): FirstAlone {
  const known = byKey.get(key) ?? new FirstAlone();
  byKey.set(key, known);
  return known;
}
