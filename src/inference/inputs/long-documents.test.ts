import fc from "fast-check";
import { expect, it } from "vitest";
import { poolWindows } from "./long-documents.ts";

const scores = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1 });

it("takes the best window, the first of equals", () => {
  fc.assert(
    fc.property(scores, (windows) => {
      const best = Math.max(...windows);
      expect(poolWindows(windows, "max")).toEqual({ score: best, best: windows.indexOf(best) });
    }),
  );
});

it("takes the mean of the best two, or the only one", () => {
  fc.assert(
    fc.property(scores, (windows) => {
      const [first = 0, second = first] = [...windows].sort((a, b) => b - a);
      const pooled = poolWindows(windows, "mean_of_two");
      expect(pooled).toEqual({ score: (first + second) / 2, best: windows.indexOf(first) });
    }),
  );
});
