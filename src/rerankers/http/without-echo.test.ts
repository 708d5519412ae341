import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PrivateText, withoutEcho } from "./without-echo.ts";

const nothing: PrivateText = { query: "", texts: [], secrets: [] };

describe("withoutEcho", () => {
  it("leaves a message alone that quotes nothing", () => {
    const message =
      "model 'rerank-english-v2.0' was removed on September 15, 2025. See https://docs.example.com/models";
    const sent = { query: "which model should I use?", texts: ["The model was good.", "removed"], secrets: ["key-1"] };
    expect(withoutEcho(message, nothing)).toBe(message);
    expect(withoutEcho(message, sent)).toBe(message.replace("removed", "…"));
  });

  it.each<[string, string, Partial<PrivateText>]>([
    ["invalid key sk-4711", "invalid key …", { secrets: ["sk-4711"] }],
    ["limit of sk-4711-geheim", "limit of …", { secrets: ["Bearer sk-4711-geheim"] }],
    ["limit of c2stNDcxMTp4", "limit of …", { secrets: ["Basic c2stNDcxMTp4=="] }],
    ["bad session abcdef12", "bad session …", { secrets: ["session=abcdef12; theme=dark"] }],
    ["Bearer of bad news", "Bearer of bad news", { secrets: ["Bearer sk-4711-geheim"] }],
    ["cannot parse 'the red dress' here", "cannot parse '…' here", { texts: ["find the red dress now"] }],
    ['cannot parse "THE RED\\nDRESS"', 'cannot parse "…"', { texts: ["the red dress"] }],
    ["bad word Zanzibar", "bad word …", { query: "flights to Zanzibar in May" }],
    ["Zanzibar is bad. Model unknown", "Zanzibar is bad. Model unknown", { texts: ["zanzibar model"] }],
    ['bad \\u00fcber-x9 \\"merger\\"', 'bad …"', { texts: ["über-x9", "merger"] }],
    ["bad word 日本語", "bad word …", { texts: ["これは 日本語 です"] }],
    ["bad input 🔥🔥", "bad input …", { texts: ["🔥🔥"] }],
    ["bad input merger", "bad input …", { texts: ["merger"] }],
    ["bad card 4111111111111111", "bad card …", { texts: ["card 4111111111111111 exp 12/29"] }],
  ])("turns %j into %j", (message, expected, sent) => {
    expect(withoutEcho(message, { ...nothing, ...sent })).toBe(expected);
  });

  it("cuts a long message at a word it knows whole", () => {
    const document = "Kanarienvogel";
    const message = `${"x ".repeat(495)} ${document} and more`;
    expect(withoutEcho(message, { ...nothing, texts: [document] })).not.toContain("Kanar");
    expect(withoutEcho("word ".repeat(500), nothing).length).toBeLessThan(310);
  });

  it("knows a secret where it cuts a long message", () => {
    const secret = "sk-Kanarie-4711-vogel";
    const document = "x9 y9 z9 ".repeat(109);
    for (let spaces = 0; spaces < secret.length; spaces++) {
      const shown = withoutEcho(`${document}${" ".repeat(spaces)}${secret}`, {
        ...nothing,
        texts: [document],
        secrets: [secret],
      });
      expect(shown).not.toContain("sk-");
    }
  });

  it("never lets three words of a document in a row through", () => {
    const word = fc.constantFrom("the", "model", "Paris", "is", "not", "4711", "found", "über", "a", "x_1");
    const sentence = fc.array(word, { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(sentence, sentence, sentence, (before, document, after) => {
        const message = [...before, ...document, ...after].join(" ");
        const shown = withoutEcho(message, { ...nothing, texts: [document.join(" ")] }).toLowerCase();
        for (let at = 0; at + 3 <= document.length; at++) {
          expect(` ${shown} `).not.toContain(
            ` ${document
              .slice(at, at + 3)
              .join(" ")
              .toLowerCase()} `,
          );
        }
      }),
    );
  });
});
