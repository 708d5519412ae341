import { describe, expect, it } from "vitest";
import { endpointUrl } from "./endpoint-url.ts";

describe("endpointUrl", () => {
  it.each([
    ["http://localhost:8080", "http://localhost:8080/rerank"],
    ["http://localhost:8080/", "http://localhost:8080/rerank"],
    ["https://api.example.com/v1//", "https://api.example.com/v1/rerank"],
    ["https://api.example.com/v1?api-version=2#top", "https://api.example.com/v1/rerank?api-version=2"],
  ])("appends the path to %s", (baseUrl, expected) => {
    expect(endpointUrl("TEI", baseUrl, "/rerank")).toBe(expected);
  });

  it.each([undefined, "", "localhost:8080", "ftp://host", "file:///etc", 7])("refuses %s", (baseUrl) => {
    expect(() => endpointUrl("TEI", baseUrl as string, "/rerank")).toThrow(/`baseUrl`/);
  });

  it("names the option that it was given by", () => {
    expect(() => endpointUrl("Bedrock", "nowhere", "", "endpoint")).toThrow(/^`endpoint` must be an http/);
    expect(() => endpointUrl("Bedrock", "https://me:geheim@host", "", "endpoint")).toThrow(
      /^`endpoint`.*`credentials`/,
    );
  });

  it("refuses credentials, and does not repeat them", () => {
    const call = () => endpointUrl("TEI", "https://user:geheim@host", "/rerank");
    expect(call).toThrow(/`apiKey` or `headers`/);
    expect(call).not.toThrow(/geheim/);
  });
});
