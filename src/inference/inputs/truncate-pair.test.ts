import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFixture } from "../fixture-models.suite.ts";
import { truncatePair } from "./truncate-pair.ts";

const lengths = fc.nat({ max: 700 });
const rooms = fc.integer({ min: 1, max: 520 });

describe("truncatePair", () => {
  it("cuts as tokenizers does, for every small combination of lengths", () => {
    // Rows are [max tokens with the three special ones, query, document, query kept, document kept].
    const { cases } = readFixture<{ cases: readonly [number, number, number, number, number][] }>("truncation.json");
    expect(cases.length).toBeGreaterThan(800);
    for (const [maxTokens, query, document, keptQuery, keptDocument] of cases) {
      const kept = truncatePair(query, document, maxTokens - 3);
      expect(kept, `${query} + ${document} in ${maxTokens}`).toEqual({ query: keptQuery, document: keptDocument });
    }
  });

  it("fills the room, and cuts the shorter side only when both are longer than half of it", () => {
    fc.assert(
      fc.property(lengths, lengths, rooms, (query, document, room) => {
        const kept = truncatePair(query, document, room);
        expect(kept.query).toBeLessThanOrEqual(query);
        expect(kept.document).toBeLessThanOrEqual(document);
        expect(kept.query + kept.document).toBe(Math.min(query + document, room));
        if (kept.query < query && kept.document < document) {
          expect(Math.abs(kept.query - kept.document)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it("leaves the query whole with only_second, as long as it fits", () => {
    fc.assert(
      fc.property(lengths, lengths, rooms, (query, document, room) => {
        const kept = truncatePair(query, document, room, "only_second");
        expect(kept.query).toBe(Math.min(query, room));
        expect(kept.document).toBe(Math.min(document, room - kept.query));
      }),
    );
  });
});
