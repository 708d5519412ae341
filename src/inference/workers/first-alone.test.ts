import { expect, it } from "vitest";
import { FirstAlone, firstAloneOf } from "./first-alone.ts";

const { signal } = new AbortController();

/** Work that is ended by hand, and how much of it has begun. */
function manualWork() {
  const ends: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const work = () => new Promise<string>((resolve, reject) => ends.push({ resolve, reject }));
  return { ends, work };
}

const turns = () => new Promise((resolve) => setImmediate(resolve));

it("lets one go first, then all others at once", async () => {
  const { ends, work } = manualWork();
  const calls = [1, 2, 3].map(() => firstAloneOf("a graph").run(signal, work));
  const other = firstAloneOf("another graph").run(signal, async () => "other");
  expect(await other).toBe("other");
  expect(ends).toHaveLength(1);
  ends[0]?.resolve("first");
  await turns();
  expect(ends).toHaveLength(3);
  for (const end of ends) end.resolve("then");
  expect(await Promise.all(calls)).toEqual(["first", "then", "then"]);
});

it("lets the next go first when one fails, and who waits may leave", async () => {
  const { ends, work } = manualWork();
  const alone = new FirstAlone();
  const first = alone.run(signal, work);
  first.catch(() => {});
  const leaver = new AbortController();
  const left = alone.run(leaver.signal, work);
  left.catch(() => {});
  const [second, third] = [alone.run(signal, work), alone.run(signal, work)];
  leaver.abort();
  await expect(left).rejects.toMatchObject({ code: "aborted" });
  ends[0]?.reject(new Error("no room"));
  await expect(first).rejects.toThrow("no room");
  await turns();
  expect(ends).toHaveLength(2);
  ends[1]?.resolve("second");
  await turns();
  ends[2]?.resolve("third");
  expect(await Promise.all([second, third])).toEqual(["second", "third"]);
});
