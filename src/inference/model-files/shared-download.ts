import { throwIfAborted } from "../../deadline.ts";
import type { ModelProgress } from "./located-model.ts";

export interface DownloadWaiter {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
}

type Report = (progress: ModelProgress) => void;

interface Running {
  readonly result: Promise<void>;
  readonly waiters: Set<Report>;
  readonly controller: AbortController;
}

const running = new Map<string, Running>();

/**
 * Runs one download per destination in this process. Callers who want the same file wait for the same download; it stops
 * only when the last of them has aborted.
 */
export async function shareDownload(
  destination: string,
  waiter: DownloadWaiter,
  start: (signal: AbortSignal, report: Report) => Promise<void>,
): Promise<void> {
  throwIfAborted(waiter.signal);
  const shared = running.get(destination) ?? begin(destination, start);
  return new Promise<void>((resolve, reject) => {
    const leave = () => {
      shared.waiters.delete(report);
      waiter.signal?.removeEventListener("abort", onAbort);
    };
    const giveUp = (error: unknown) => {
      leave();
      if (shared.waiters.size === 0) stop(destination, shared);
      reject(error);
    };
    const attempt = (work: () => void) => {
      try {
        work();
      } catch (error) {
        giveUp(error);
      }
    };
    const onAbort = () => attempt(() => throwIfAborted(waiter.signal));
    const report: Report = (progress) => attempt(() => waiter.onProgress?.(progress));
    shared.waiters.add(report);
    waiter.signal?.addEventListener("abort", onAbort, { once: true });
    shared.result.then(resolve, reject).finally(leave);
  });
}

function begin(destination: string, start: (signal: AbortSignal, report: Report) => Promise<void>): Running {
  const controller = new AbortController();
  const waiters = new Set<Report>();
  const report: Report = (progress) => {
    for (const tell of [...waiters]) tell(progress);
  };
  const result = start(controller.signal, report).finally(() => forget(destination, shared));
  const shared: Running = { result, waiters, controller };
  running.set(destination, shared);
  return shared;
}

/** A download that is being stopped must not be joined: the next caller begins a new one. */
function stop(destination: string, shared: Running): void {
  forget(destination, shared);
  shared.controller.abort();
}

function forget(destination: string, shared: Running): void {
  if (running.get(destination) === shared) running.delete(destination);
}
