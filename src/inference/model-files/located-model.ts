export interface ModelProgress {
  /** The file's path in the repository. */
  readonly file: string;
  /** Bytes of it that are here, those of an earlier, interrupted download included. */
  readonly loadedBytes: number;
  readonly totalBytes?: number;
}

export interface LocatedModel {
  /** The hub id, the folder's absolute path, or `"builtin"`. */
  readonly id: string;
  /** `"hub"` when the hub was asked, `"cache"` when the cache alone answered. */
  readonly origin: "builtin" | "folder" | "cache" | "hub";
  /** The commit, for a model of the hub. */
  readonly revision?: string;
  /** The files that exist, sorted, as paths relative to the model with `/` between parts. */
  readonly files: readonly string[];
  /**
   * The absolute path of one file, downloading it first when it is on the hub. Calls may run at the same time.
   *
   * @throws PgVectorDBError `invalid_argument` for a name that leaves the model, `model_not_found` for one that is not
   * in `files`, `model_invalid` for a corrupt download, `network`, `rate_limited`, `unauthorized`, `aborted`
   */
  fetch(file: string): Promise<string>;
}
