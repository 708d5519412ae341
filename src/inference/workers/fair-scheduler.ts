import { setImmediate } from "node:timers/promises";
import { PgVectorDBError } from "../../errors.ts";

/** Work in steps: each `yield` is a place where other work may go first, or where it may be stopped for good. */
export type Steps<T> = AsyncGenerator<undefined, T, undefined>;

interface Job {
  readonly steps: Steps<unknown>;
  readonly isStopped: () => boolean;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Takes turns: one step of each job, so that a call with ten documents does not wait for one with ten thousand. */
export class FairScheduler {
  readonly #jobs: Job[] = [];
  #turning: Promise<void> | undefined;

  /** Runs `steps` to its end. Once `isStopped` says so, it rejects before the job's next step with `aborted`. */
  run<T>(steps: Steps<T>, isStopped: () => boolean): Promise<T> {
    const result = new Promise<T>((resolve, reject) => {
      this.#jobs.push({ steps, isStopped, resolve, reject });
    });
    this.#turning ??= this.#takeTurns().finally(() => {
      this.#turning = undefined;
    });
    return result;
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    await this.#turning;
  }

  async #takeTurns(): Promise<void> {
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      // Lets messages in, among them the one that closes the model.
      await setImmediate();
      if (await takeStep(job)) this.#jobs.push(job);
    }
  }
}

/** Whether there is more to do. */
async function takeStep({ steps, isStopped, resolve, reject }: Job): Promise<boolean> {
  try {
    if (isStopped()) {
      await steps.return(undefined);
      throw new PgVectorDBError("aborted", "The call was aborted.");
    }
    const step = await steps.next();
    if (!step.done) return true;
    resolve(step.value as never);
  } catch (error) {
    reject(error);
  }
  return false;
}
