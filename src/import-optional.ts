import { PgVectorDBError } from "./errors.ts";

/**
 * Imports a package that a user may not have installed.
 *
 * @param load the import itself, so that bundlers and types see a literal name: `() => import("onnxruntime-node")`
 * @throws PgVectorDBError `missing_dependency`, with the command that installs it
 */
export async function importOptional<T>(
  packageName: string,
  load: () => Promise<T>,
  advice: { readonly neededFor: string; readonly install?: string | undefined },
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const install = advice.install ?? `npm install ${packageName}`;
    const problem = isNotInstalled(cause) ? "is not installed" : "is installed but failed to load";
    throw new PgVectorDBError(
      "missing_dependency",
      `${advice.neededFor} needs the package "${packageName}", which ${problem}. Run: ${install}`,
      { cause },
    );
  }
}

function isNotInstalled(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}
