import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SequenceClassifier, type SequenceClassifierOptions } from "./sequence-classifier.ts";

/** A tiny committed model; see test/fixtures/make-models.py. */
export function fixtureModel(name: string): string {
  return fileURLToPath(new URL(`../../test/fixtures/models/${name}`, import.meta.url));
}

export function readFixture<T>(file: string): T {
  return JSON.parse(readFileSync(fixtureModel(file), "utf8")) as T;
}

/** What Python gave for the pairs of a fixture model. */
export interface GoldenPairs {
  readonly maxTokens: number;
  readonly pairs: readonly {
    readonly query: string;
    readonly document: string;
    readonly inputIds: readonly number[];
    readonly removed: { readonly query: number; readonly document: number };
    readonly tokenTypeIds: readonly number[] | null;
    readonly logits: readonly number[];
  }[];
}

export function fixtureClassifier(name: string, options: Partial<SequenceClassifierOptions> = {}): SequenceClassifier {
  return new SequenceClassifier({
    model: fixtureModel(name),
    dtype: "fp32",
    device: "cpu",
    maxLength: 512,
    // The fixtures learned nothing.
    selfCheck: false,
    batchSize: 32,
    ...options,
  });
}
