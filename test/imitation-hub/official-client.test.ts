import { downloadFile, listFiles } from "@huggingface/hub";
import { describe, expect, it } from "vitest";
import { useImitationHub } from "./use-imitation-hub.ts";

const CONFIG = JSON.stringify({ model_type: "bert" });

/** A second witness: the hub's own client must find that the imitation speaks the hub's protocol, or our tests prove little. */
describe("the imitation hub, asked by the official client", () => {
  const test = useImitationHub(() => ({ repos: { "org/name": { main: { "config.json": CONFIG } } } }));

  it("lists a repository's files", async () => {
    const paths: string[] = [];
    for await (const { path } of listFiles({ repo: "org/name", hubUrl: test.hub.endpoint })) paths.push(path);
    expect(paths).toEqual(["config.json"]);
  });

  it("serves the file that our own client gets", async () => {
    const theirs = await downloadFile({ repo: "org/name", path: "config.json", hubUrl: test.hub.endpoint });
    expect(await theirs?.text()).toBe(CONFIG);
    const ours = await test.locate({});
    expect(ours).toMatchObject({ origin: "hub", files: ["config.json"], revision: test.hub.commitOf("org/name") });
  });

  it("has no file that is not there", async () => {
    const missing = { repo: "org/name", path: "missing.json", hubUrl: test.hub.endpoint };
    expect(await downloadFile(missing)).toBeNull();
  });
});
