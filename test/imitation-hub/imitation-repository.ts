import { createHash } from "node:crypto";

/** A file's content, or a content with what a dishonest or unusual hub says about it. */
export type ImitationContent = string | Uint8Array | ImitationFile;

export interface ImitationFile {
  readonly content: string | Uint8Array;
  /** Stored as a large file: SHA-256 for an etag, and a redirect to the content network. Default: by the ending. */
  readonly lfs?: boolean | undefined;
  /** Announced instead of the true size. */
  readonly size?: number | undefined;
  /** Announced instead of the true SHA-256 or git id. */
  readonly etag?: string | undefined;
}

/** Files by name. */
export type ImitationFiles = Readonly<Record<string, ImitationContent>>;

/** Revisions by branch or tag. */
export type ImitationRepository = Readonly<Record<string, ImitationFiles>>;

export interface StoredFile {
  readonly content: Buffer;
  readonly lfs: boolean;
  readonly size: number;
  readonly gitId: string;
  readonly sha256: string;
  readonly etag: string;
}

export interface StoredRevision {
  readonly commit: string;
  readonly files: ReadonlyMap<string, StoredFile>;
}

const LARGE_FILE = /\.(?:safetensors|onnx|onnx_data|bin|gguf)$/;

/** Gives a revision a commit id that depends on its name and contents only. */
export function storeRevision(id: string, files: ImitationFiles): StoredRevision {
  const stored = new Map(Object.entries(files).map(([name, content]) => [name, storeFile(name, content)]));
  const commit = createHash("sha1").update(id);
  for (const [name, file] of stored) commit.update(`\0${name}\0${file.sha256}`);
  return { commit: commit.digest("hex"), files: stored };
}

function storeFile(name: string, given: ImitationContent): StoredFile {
  const file: ImitationFile = typeof given === "string" || given instanceof Uint8Array ? { content: given } : given;
  const content = Buffer.from(file.content);
  const lfs = file.lfs ?? LARGE_FILE.test(name);
  const sha256 = lfs && file.etag !== undefined ? file.etag : createHash("sha256").update(content).digest("hex");
  const gitId = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
  return { content, lfs, size: file.size ?? content.length, gitId, sha256, etag: file.etag ?? (lfs ? sha256 : gitId) };
}
