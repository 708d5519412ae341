import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { PgVectorDBError } from "../../errors.ts";

/** The Hugging Face settings, with the same variables and defaults as Python's `huggingface_hub`. */
export interface HuggingFaceEnvironment {
  /** Where models are cached: `HF_HUB_CACHE`, `HF_HOME`/hub, `XDG_CACHE_HOME`/huggingface/hub or ~/.cache/huggingface/hub. */
  readonly cacheDir: string;
  /** The hub's address, without a slash at the end: `HF_ENDPOINT`, or `https://huggingface.co`. */
  readonly endpoint: string;
  /** `HF_HUB_OFFLINE` (or `TRANSFORMERS_OFFLINE`) is on. */
  readonly offline: boolean;
  /** `HF_HUB_DISABLE_SYMLINKS` is on: cached files are copies instead of links. */
  readonly symlinks: boolean;
  /** Reads `HF_TOKEN`, or else the file that `hf auth login` writes. */
  readToken(): Promise<string | undefined>;
}

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

const DEFAULT_ENDPOINT = "https://huggingface.co";

/** Reads the variables at the time of the call. @throws PgVectorDBError `invalid_argument` for an `HF_ENDPOINT` that is no web address */
export function readHuggingFaceEnvironment(
  // biome-ignore lint/style/noProcessEnv: the one file that reads the Hugging Face variables.
  variables: EnvironmentVariables = process.env,
): HuggingFaceEnvironment {
  // An empty variable counts as unset: a path of "" would mean the working directory.
  const read = (name: string) => variables[name]?.trim() || undefined;
  const isOn = (name: string) => /^(1|on|yes|true)$/i.test(read(name) ?? "");
  const path = (name: string) => {
    const value = read(name);
    return value === undefined ? undefined : resolve(expandPath(value, variables));
  };
  const home = path("HF_HOME") ?? join(path("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
  return {
    cacheDir: path("HF_HUB_CACHE") ?? path("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub"),
    endpoint: parseEndpoint(read("HF_ENDPOINT") ?? DEFAULT_ENDPOINT),
    offline: isOn("HF_HUB_OFFLINE") || isOn("TRANSFORMERS_OFFLINE"),
    symlinks: !isOn("HF_HUB_DISABLE_SYMLINKS"),
    async readToken() {
      const token = cleanToken(read("HF_TOKEN") ?? read("HUGGING_FACE_HUB_TOKEN"), "`HF_TOKEN`");
      if (token !== undefined || isOn("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return token;
      const tokenPath = path("HF_TOKEN_PATH") ?? join(home, "token");
      return cleanToken(await readFileIfAny(tokenPath), `The token file ${tokenPath}`);
    },
  };
}

/** Expands a leading `~`, as shells and Python's `expanduser` do. */
export function expandHome(path: string): string {
  return /^~(?=$|[/\\])/.test(path) ? join(homedir(), path.slice(1)) : path;
}

function expandPath(path: string, variables: EnvironmentVariables): string {
  const expanded = path.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, plain?: string) => {
    return variables[braced ?? plain ?? ""] ?? whole;
  });
  return expandHome(expanded);
}

function parseEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new PgVectorDBError(
      "invalid_argument",
      `\`HF_ENDPOINT\` must be a web address such as ${DEFAULT_ENDPOINT}, without a user name or password. Correct the variable or unset it.`,
    );
  }
  return (url.origin + url.pathname).replace(/\/+$/, "");
}

function cleanToken(token: string | undefined, source: string): string | undefined {
  const cleaned = token?.replace(/[\r\n]/g, "").trim();
  if (!cleaned) return undefined;
  // `fetch` repeats a header value that it refuses in its error message.
  if (!/^[\x21-\x7e]+$/.test(cleaned)) {
    throw new PgVectorDBError(
      "invalid_argument",
      `${source} holds characters that no Hugging Face token has. Set it to a token from https://huggingface.co/settings/tokens.`,
    );
  }
  return cleaned;
}

async function readFileIfAny(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    // Not logged in, or not readable by this user: both mean no token, as in Python.
    return undefined;
  }
}
