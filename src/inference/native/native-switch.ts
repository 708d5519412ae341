type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/** Whether `PGVECTORDB_NATIVE` leaves the native engine on. */
export function isNativeOn(
  // biome-ignore lint/style/noProcessEnv: the one file that reads this variable, which decides how fast scores come and not what they mean.
  variables: EnvironmentVariables = process.env,
): boolean {
  return !/^(off|0|no|false)$/i.test(variables["PGVECTORDB_NATIVE"]?.trim() ?? "");
}
