import { NATIVE_VECTORS, type NativeVectors } from "./native-addon.ts";

type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/**
 * For comparison, and where what is chosen is suspected: `"vectors"` is the native engine without tiles (AMX), `"avx2"` and the like its kernels
 * for these on every processor that runs them.
 */
export type NativeSwitch = "on" | "vectors" | NativeVectors | "off";

/** What `PGVECTORDB_NATIVE` leaves on of the native engine. */
export function readNativeSwitch(
  // biome-ignore lint/style/noProcessEnv: the one file that reads this variable, which decides how fast scores come and not what they mean.
  variables: EnvironmentVariables = process.env,
): NativeSwitch {
  const value = variables["PGVECTORDB_NATIVE"]?.trim().toLowerCase() ?? "";
  if (/^(off|0|no|false)$/.test(value)) return "off";
  return value === "vectors" ? value : (NATIVE_VECTORS.find((vectors) => vectors === value) ?? "on");
}
