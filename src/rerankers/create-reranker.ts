import { PgVectorDBError } from "../errors.ts";
import type { BaseReranker } from "./base-reranker.ts";
import { type RerankerBackend, type RerankerBackends, rerankerAliases, rerankerBackends } from "./reranker-backends.ts";

type Aliases = typeof rerankerAliases;
type WithUnderscores<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}_${WithUnderscores<Tail>}`
  : Name;
type Resolved<Name extends string> = Name extends keyof Aliases ? Aliases[Name] : Name;
type BackendOf<Name extends string> = Resolved<WithUnderscores<Lowercase<Name>>>;
type AnyBackend = RerankerBackends[RerankerBackend];

/** The options of the backend that `Name` names; of any backend when the name is only known at run time. */
export type RerankerOptions<Name extends string> =
  BackendOf<Name> extends RerankerBackend
    ? RerankerBackends[BackendOf<Name>]["options"]
    : string extends Name
      ? AnyBackend["options"]
      : never;

type RerankerOf<Name extends string> =
  BackendOf<Name> extends RerankerBackend ? RerankerBackends[BackendOf<Name>]["reranker"] : BaseReranker;

/**
 * Makes a reranker by the name of its backend, as it may stand in a configuration file: any case, `-` or `_`, and the
 * aliases `crossencoder`, `hf`, `aws` and `aws_bedrock`. Nothing is loaded before the first call.
 *
 * @throws PgVectorDBError `invalid_argument` for an unknown name, with the known ones, or for a wrong option
 * @example
 * ```ts
 * const reranker = createReranker("cross_encoder", { model: "builtin" });
 * ```
 */
export function createReranker<const Name extends string>(
  backend: Name,
  options?: RerankerOptions<Name>,
): RerankerOf<Name> {
  const known = Object.keys(rerankerBackends);
  if (typeof backend !== "string") {
    throw new PgVectorDBError("invalid_argument", `\`backend\` must be one of: ${known.join(", ")}.`);
  }
  const name = backend.toLowerCase().replaceAll("-", "_");
  const resolved = Object.hasOwn(rerankerAliases, name) ? rerankerAliases[name as keyof Aliases] : name;
  if (!Object.hasOwn(rerankerBackends, resolved)) {
    throw new PgVectorDBError("invalid_argument", `Unknown \`backend\` "${backend}". Known: ${known.join(", ")}.`);
  }
  const construct = rerankerBackends[resolved as RerankerBackend] as (options: unknown) => BaseReranker;
  return construct(options ?? {}) as RerankerOf<Name>;
}
