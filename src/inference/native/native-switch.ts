type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/** `"vectors"` is the native engine without tiles (AMX), for comparison and where they are suspected. */
export type NativeSwitch = "on" | "vectors" | "off";

/** What `PGVECTORDB_NATIVE` leaves on of the native engine. */
export function readNativeSwitch(
  // biome-ignore lint/style/noProcessEnv: the one file that reads this variable, which decides how fast scores come and not what they mean.
  variables: EnvironmentVariables = process.env,
): NativeSwitch {
  const value = variables["PGVECTORDB_NATIVE"]?.trim().toLowerCase() ?? "";
  if (/^(off|0|no|false)$/.test(value)) return "off";
  return value === "vectors" ? "vectors" : "on";
}
