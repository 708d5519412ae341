import { PgVectorDBError } from "../../errors.ts";

/** Reads the fields of a `config.json`; what is missing takes the default that `transformers` gives it. */
export class ConfigReader {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(config: unknown) {
    if (typeof config !== "object" || config === null || Array.isArray(config)) {
      throw new PgVectorDBError("model_invalid", "The model's config.json is not a JSON object.");
    }
    this.#fields = config as Readonly<Record<string, unknown>>;
  }

  /** The field as it is; a `null` counts as absent, as it does in Python. */
  get(name: string): unknown {
    return this.#fields[name] ?? undefined;
  }

  /** Whether the field is there and null, for the few in which that says something else than its absence. */
  isNull(name: string): boolean {
    return this.#fields[name] === null;
  }

  /** A length or count: 1 to 2^31 - 1. */
  size(name: string, fallback?: number): number {
    const value = this.get(name) ?? fallback;
    if (typeof value === "number" && Number.isInteger(value) && value > 0 && value < 2 ** 31) return value;
    throw this.#wrong(name, "a positive integer", value);
  }

  /** An integer of any sign. */
  integer(name: string, fallback?: number): number {
    const value = this.get(name) ?? fallback;
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
    throw this.#wrong(name, "an integer", value);
  }

  positive(name: string, fallback?: number): number {
    const value = this.get(name) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
    throw this.#wrong(name, "a positive number", value);
  }

  text(name: string, fallback?: string): string {
    const value = this.get(name) ?? fallback;
    if (typeof value === "string") return value;
    throw this.#wrong(name, "a text", value);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.get(name) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.#wrong(name, "true or false", value);
  }

  texts(name: string): readonly string[] | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
    throw this.#wrong(name, "a list of texts", value);
  }

  /** The nested object as a reader of its own, or undefined. */
  section(name: string): ConfigReader | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (typeof value === "object" && !Array.isArray(value)) return new ConfigReader(value);
    throw this.#wrong(name, "an object", value);
  }

  /** Refuses the model unless the field is absent or has one of the values that we compile. */
  require(name: string, ...supported: readonly unknown[]): void {
    const value = this.get(name);
    if (value !== undefined && !supported.includes(value)) {
      const options = supported.map((option) => JSON.stringify(option)).join(" or ");
      throw this.unsupported(name, options === "" ? "no value of it is compiled" : `only ${options} is compiled`);
    }
  }

  unsupported(name: string, reason: string): PgVectorDBError {
    return new PgVectorDBError(
      "model_invalid",
      `The model's config.json has \`${name}\`: ${show(this.get(name))}, but ${reason}. ` +
        "Choose a model without it, or a repository that has an ONNX file.",
    );
  }

  #wrong(name: string, expected: string, value: unknown): PgVectorDBError {
    return new PgVectorDBError(
      "model_invalid",
      `The model's config.json needs ${expected} in \`${name}\`, it has ${show(value)}.`,
    );
  }
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 120);
}
