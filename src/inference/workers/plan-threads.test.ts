import { describe, expect, it } from "vitest";
import { planSharingThreadsFor, planThreadsFor } from "./plan-threads.ts";

describe("planThreadsFor", () => {
  it.each([
    ["a small model on two processors", 15e6, 2, { workers: 2, threads: 1 }],
    ["a small model on one", 15e6, 1, { workers: 1, threads: 1 }],
    ["a small model on many", 15e6, 32, { workers: 8, threads: 4 }],
    ["a middling model", 250e6, 8, { workers: 3, threads: 2 }],
    ["a large model", 2.2e9, 8, { workers: 1, threads: 8 }],
    ["an empty file", 0, 4, { workers: 4, threads: 1 }],
  ])("%s", (_name, bytes, available, expected) => {
    expect(planThreadsFor(bytes, available)).toEqual(expected);
  });

  it("keeps to the caller's bound and gives the sessions the processors that are left", () => {
    expect(planThreadsFor(15e6, 8, 2)).toEqual({ workers: 2, threads: 4 });
  });
});

describe("planSharingThreadsFor", () => {
  it.each([
    ["one processor", 1, undefined, { workers: 1, threads: 1 }],
    ["as many as there are", 12, undefined, { workers: 12, threads: 1 }],
    ["very many", 64, undefined, { workers: 16, threads: 4 }],
    ["the caller's bound", 8, 2, { workers: 2, threads: 4 }],
    ["a bound above the default", 64, 40, { workers: 40, threads: 1 }],
  ])("%s", (_name, available, most, expected) => {
    expect(planSharingThreadsFor(available, most)).toEqual(expected);
  });
});
