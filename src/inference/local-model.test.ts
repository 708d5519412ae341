import { afterEach, beforeEach, expect, it } from "vitest";
import { fixtureModel } from "./fixture-models.suite.ts";
import { LocalModel } from "./local-model.ts";
import { prepareModel } from "./prepare-model.ts";
import type { ClassifyTask } from "./workers/worker-messages.ts";

const warnings: Error[] = [];
const remember = (warning: Error) => warnings.push(warning);
beforeEach(() => process.on("warning", remember));
afterEach(() => process.off("warning", remember));

it("runs in many workers, none of which makes Node.js warn of listeners", async () => {
  const model = new LocalModel<ClassifyTask>(
    async (context) => {
      const source = { model: fixtureModel("tiny-bert-cross-encoder"), dtype: "fp32", device: "cpu" } as const;
      const limits = { maxLength: 64, batchSize: 8 };
      const { model } = await prepareModel(
        { ...source, ...limits },
        context,
        async () => ({ output: "logits" }) as const,
      );
      return {
        kind: "classify",
        model: { ...model, workers: 12, threads: 1 },
        head: { labelCount: 1, relevant: 0 },
        longDocuments: { mode: "truncate", overlap: undefined, pooling: "max" },
      };
    },
    {
      check: async (_, run) => {
        await run({ query: "Berlin", texts: ["inhabitants of Berlin"] });
      },
    },
  );
  const texts = Array.from({ length: 60 }, (_, i) => `text ${i}`);
  const { logits } = await model.run({ query: "Berlin", texts });
  await model.load();
  await model.close();
  expect(logits).toHaveLength(60);
  expect(warnings.filter(({ name }) => name === "MaxListenersExceededWarning")).toEqual([]);
});
