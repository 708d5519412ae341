import { describe, expect, it } from "vitest";
import { allOrAbort } from "./all-or-abort.ts";
import { Semaphore } from "./semaphore.ts";

const never = () => new Promise<never>(() => undefined);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("Semaphore", () => {
  it("runs as many at once as it has permits, in the order they came", async () => {
    const semaphore = new Semaphore(2);
    const { signal } = new AbortController();
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const task = (id: number) =>
      semaphore.run(signal, async () => {
        started.push(id);
        most = Math.max(most, ++running);
        await turn();
        running--;
        return id;
      });
    expect(await Promise.all([0, 1, 2, 3, 4].map(task))).toEqual([0, 1, 2, 3, 4]);
    expect(started).toEqual([0, 1, 2, 3, 4]);
    expect(most).toBe(2);
  });

  it("lets the aborted leave the queue, and frees the permit of a task that hears no abort", async () => {
    const semaphore = new Semaphore(1);
    const [first, second, third] = [new AbortController(), new AbortController(), new AbortController()];
    const hung = semaphore.run(first.signal, never).catch(() => "freed");
    const queued = semaphore.run(second.signal, async () => "ran").catch(() => "left");
    const last = semaphore.run(third.signal, async () => "ran");
    second.abort();
    expect(await queued).toBe("left");
    first.abort();
    expect(await hung).toBe("freed");
    expect(await last).toBe("ran");
  });

  it("gives the permit back when a task throws", async () => {
    const semaphore = new Semaphore(1);
    const { signal } = new AbortController();
    await expect(semaphore.run(signal, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await semaphore.run(signal, async () => "ran")).toBe("ran");
  });
});

describe("allOrAbort", () => {
  it("aborts the others when one fails", async () => {
    const signals: AbortSignal[] = [];
    const run = allOrAbort([0, 1, 2], new AbortController().signal, (item, signal) => {
      signals.push(signal);
      return item === 1 ? Promise.reject(new Error("one failed")) : never();
    });
    await expect(run).rejects.toThrow("one failed");
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  it("lets any number of items listen without a warning", async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on("warning", listen);
    const semaphore = new Semaphore(1);
    const items = Array.from({ length: 50 }, (_, index) => index);
    await allOrAbort(items, new AbortController().signal, (item, signal) =>
      semaphore.run(signal, async () => {
        await turn();
        return item;
      }),
    );
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  });

  it("passes an abort on to all", async () => {
    const controller = new AbortController();
    const listening = (_item: number, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const run = allOrAbort([0, 1], controller.signal, listening);
    controller.abort(new Error("enough"));
    await expect(run).rejects.toThrow("enough");
  });
});
