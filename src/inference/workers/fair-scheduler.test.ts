import { describe, expect, it } from "vitest";
import { FairScheduler, type Steps } from "./fair-scheduler.ts";

const never = () => false;

describe("FairScheduler", () => {
  it("lets jobs take turns, so that a short one does not wait for a long one", async () => {
    const log: string[] = [];
    async function* job(name: string, steps: number): Steps<string> {
      for (let step = 0; step < steps; step++) {
        log.push(name);
        yield undefined;
      }
      return name;
    }
    const scheduler = new FairScheduler();
    const results = await Promise.all([scheduler.run(job("long", 5), never), scheduler.run(job("short", 2), never)]);
    expect(results).toEqual(["long", "short"]);
    expect(log.join(" ")).toBe("long short long short long long long");
  });

  it("keeps any number of jobs within one step of each other, and ends equal ones in the order they came", async () => {
    const steps = new Map<number, number>();
    const ended: number[] = [];
    async function* job(name: number): Steps<void> {
      for (let step = 1; step <= 6; step++) {
        steps.set(name, step);
        const counts = [...steps.values()];
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        yield undefined;
      }
    }
    const scheduler = new FairScheduler();
    const names = Array.from({ length: 20 }, (_, name) => name);
    await Promise.all(names.map((name) => scheduler.run(job(name), never).then(() => ended.push(name))));
    expect(ended).toEqual(names);
  });

  it("ends a stopped job before its next step and lets it clean up", async () => {
    let isStopped = false;
    let steps = 0;
    let cleanedUp = false;
    async function* endless(): Steps<never> {
      try {
        for (;;) {
          if (++steps === 3) isStopped = true;
          yield undefined;
        }
      } finally {
        cleanedUp = true;
      }
    }
    const scheduler = new FairScheduler();
    await expect(scheduler.run(endless(), () => isStopped)).rejects.toMatchObject({ code: "aborted" });
    await scheduler.idle();
    expect(steps).toBe(3);
    expect(cleanedUp).toBe(true);
  });

  it("goes on after a job that fails", async () => {
    async function* failing(): Steps<never> {
      yield undefined;
      throw new Error("broken");
    }
    async function* working(): Steps<number> {
      yield undefined;
      return 7;
    }
    const scheduler = new FairScheduler();
    const failed = scheduler.run(failing(), never);
    const worked = scheduler.run(working(), never);
    await expect(failed).rejects.toThrow("broken");
    expect(await worked).toBe(7);
    expect(await scheduler.run(working(), never)).toBe(7);
  });
});
