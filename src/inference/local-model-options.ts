import { PgVectorDBError } from "../errors.ts";
import type { ModelDtype } from "./graphs/choose-onnx-file.ts";
import type { ProgressListener } from "./local-model.ts";

/** Where a local model comes from and how it is run. */
export interface LocalModelOptions {
  /** A Hugging Face id (`"owner/name"`), the path of a folder, or `"builtin"`. */
  readonly model?: string | undefined;
  /** `"cpu"`, `"auto"` (a graphics card if ONNX Runtime can use one), or an execution provider such as `"cuda"`. */
  readonly device?: string | undefined;
  /** Most texts in one run of the model. Long texts are run in smaller batches, int8 models one by one. */
  readonly batchSize?: number | undefined;
  /**
   * Most worker threads that share a call's texts. Default: one per processor core, at most 16; where ONNX Runtime runs the
   * model, which has a copy of the weights for each, at most 8, and one in all for models above 300 MB.
   */
  readonly workers?: number | undefined;
  /** Longest input in tokens; what is longer is cut. Never more than the model can read. Default 512. */
  readonly maxLength?: number | undefined;
  /** Number format: `"fp32"` gives the scores of the reference, `"int8"` is the fast choice, `"auto"` the most exact there is. */
  readonly dtype?: ModelDtype | undefined;
  /** Branch, tag or commit on the hub. Default `"main"`. */
  readonly revision?: string | undefined;
  /** Folder of downloaded models. Default: the Hugging Face cache. */
  readonly cacheDir?: string | undefined;
  /** With `true` no network is touched: the model must be there. Default `false`. */
  readonly offline?: boolean | undefined;
  /** Told about downloads. */
  readonly onProgress?: ProgressListener | undefined;
}

type Check = readonly [expected: string, holds: (value: unknown) => boolean];

const isText = (value: unknown) => typeof value === "string" && value.trim() !== "";
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;

const TEXT: Check = ["a non-empty string", isText];
const COUNT: Check = ["a positive integer", isCount];
const FLAG: Check = ["true or false", (value) => typeof value === "boolean"];
const FUNCTION: Check = ["a function", (value) => typeof value === "function"];
const DTYPES: readonly unknown[] = ["fp32", "fp16", "int8", "auto"] satisfies ModelDtype[];

const CHECKS: Readonly<Record<keyof LocalModelOptions, Check>> = {
  model: ['a Hugging Face id, the path of a folder, or "builtin"', isText],
  device: TEXT,
  batchSize: COUNT,
  workers: COUNT,
  maxLength: COUNT,
  dtype: ['"fp32", "fp16", "int8" or "auto"', (value) => DTYPES.includes(value)],
  revision: TEXT,
  cacheDir: TEXT,
  offline: FLAG,
  onProgress: FUNCTION,
};

/**
 * Checks options by name and type. `more` are a caller's own, each with the check it needs.
 *
 * @throws PgVectorDBError `invalid_argument` that names the option
 */
export function checkLocalModelOptions(options: unknown, more: Readonly<Record<string, Check>> = {}): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new PgVectorDBError("invalid_argument", "`options` must be an object.");
  }
  const checks: Readonly<Record<string, Check>> = { ...CHECKS, ...more };
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) {
      throw new PgVectorDBError(
        "invalid_argument",
        `Unknown option \`${name}\`. Known: ${Object.keys(checks).join(", ")}.`,
      );
    }
    const [expected, holds] = check;
    if (value !== undefined && !holds(value)) {
      throw new PgVectorDBError("invalid_argument", `\`${name}\` must be ${expected}.`);
    }
  }
}

/** Checks for options beyond the common ones. */
export const optionChecks = {
  text: TEXT,
  flag: FLAG,
  callback: FUNCTION,
  /** An integer that is not negative. */
  size: ["an integer that is not negative", (value) => Number.isSafeInteger(value) && (value as number) >= 0],
  weight: ["a number of at least 0", (value) => Number.isFinite(value) && (value as number) >= 0],
  oneOf: (values: readonly string[]): Check => [
    values.map((value) => `"${value}"`).join(", "),
    (value) => values.includes(value as string),
  ],
} as const satisfies Readonly<Record<string, Check | ((values: readonly string[]) => Check)>>;
