import { defaultThreads } from "../graphs/cpu.ts";

export interface ThreadPlan {
  /** Worker threads, each with a session. */
  readonly workers: number;
  /** Threads inside each session. */
  readonly threads: number;
}

/** A model above this is loaded once: its copies would cost more memory than they save time. */
const LARGEST_COPIED_BYTES = 300_000_000;
const MAX_WORKERS = 8;
/** A worker that shares its weights has little beside them: a tokenizer, and room for a run. */
const MAX_SHARING_WORKERS = 16;
/** What all copies together may take. */
const MAX_COPIES_BYTES = 800_000_000;

/**
 * How to use `available` processors for a model of so many bytes. Several sessions of one thread beat one session of
 * several: its threads wait for each other after every operator, which with another program on the machine doubles the time.
 */
export function planThreadsFor(modelBytes: number, available: number, maxWorkers = MAX_WORKERS): ThreadPlan {
  if (modelBytes > LARGEST_COPIED_BYTES) return { workers: 1, threads: available };
  const copies = Math.max(1, Math.floor(MAX_COPIES_BYTES / Math.max(1, modelBytes)));
  const workers = Math.min(available, maxWorkers, copies);
  return { workers, threads: Math.max(1, Math.floor(available / workers)) };
}

/** How to use `available` processors for a model of any size, of which there is one copy for all workers. */
export function planSharingThreadsFor(available: number, maxWorkers = MAX_SHARING_WORKERS): ThreadPlan {
  const workers = Math.min(available, maxWorkers);
  return { workers, threads: Math.max(1, Math.floor(available / workers)) };
}

/** `planThreadsFor` for the processors of this machine. */
export async function planThreads(modelBytes: number, maxWorkers?: number): Promise<ThreadPlan> {
  return planThreadsFor(modelBytes, await defaultThreads(), maxWorkers);
}

/** `planSharingThreadsFor` for the processors of this machine. */
export async function planSharingThreads(maxWorkers?: number): Promise<ThreadPlan> {
  return planSharingThreadsFor(await defaultThreads(), maxWorkers);
}
