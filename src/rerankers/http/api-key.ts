import { PgVectorDBError } from "../../errors.ts";

export interface ApiKeySource {
  /** The service's name, as a person knows it. */
  readonly service: string;
  /** The argument, which wins. */
  readonly apiKey: string | undefined;
  /** The environment variable that is read without it. */
  readonly variable: string;
  /** Whether the service can do without a key. */
  readonly optional?: boolean | undefined;
}

/**
 * The key to send. The environment is read when the key is needed, so that one loaded after construction counts.
 *
 * @returns `undefined` only when the key is optional and there is none
 * @throws PgVectorDBError `unauthorized` that names both ways to give a key
 */
export function resolveApiKey({ service, apiKey, variable, optional = false }: ApiKeySource): string | undefined {
  // biome-ignore lint/style/noProcessEnv: the one place where service keys are read
  const key = (apiKey ?? process.env[variable])?.trim();
  if (key === undefined || key === "") {
    if (optional) return undefined;
    throw new PgVectorDBError("unauthorized", `${service} needs an API key: ${howToGiveKey(variable)}.`);
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new PgVectorDBError(
      "unauthorized",
      `The API key for ${service} has characters that no header can carry: ${howToGiveKey(variable)}.`,
    );
  }
  return key;
}

/** Half a sentence: both ways to give a key. */
export function howToGiveKey(variable: string): string {
  return `set ${variable} in the environment, or pass \`apiKey\``;
}
