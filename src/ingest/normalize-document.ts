import { createHash } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { checkStorable, checkText, invalidArgument } from "../check-options.ts";
import type { CollectionInfo } from "../contracts/collection.ts";
import type { Vector } from "../contracts/embedder.ts";
import type { DocumentRow } from "../database/document-table.ts";
import { checkVector } from "../embed-texts.ts";
import { normalizeMetadata } from "./normalize-metadata.ts";

/** A checked document. */
export interface NormalizedDocument extends DocumentRow {
  /** Whether the caller chose the id. */
  readonly hasOwnId: boolean;
  readonly embedding: Vector | undefined;
}

/** What the collection stores: part of its record. */
export type VectorShape = Pick<CollectionInfo, "dimensions" | "storage">;

const FIELDS = ["id", "content", "metadata", "embedding"];
/** Postgres' B-tree index holds no longer key. */
const MAX_ID_BYTES = 1024;

/** @throws PgVectorDBError `invalid_argument` that names `documents[position]` and the field */
export function normalizeDocument(document: unknown, position: number, shape: VectorShape): NormalizedDocument {
  const name = `documents[${position}]`;
  const fields: unknown = typeof document === "string" ? { content: document } : document;
  if (!isFields(fields)) throw invalidArgument(`\`${name}\` must be a string or an object with a \`content\`.`);
  const unknown = Object.keys(fields).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    throw invalidArgument(
      `\`${name}\` has the unknown field \`${unknown.slice(0, 60)}\`. Put fields of your own in \`metadata\`.`,
    );
  }
  const content = checkText(`${name}.content`, fields["content"]);
  const { embedding } = fields;
  return {
    id: fields["id"] === undefined ? uuidv7() : checkId(`${name}.id`, fields["id"]),
    hasOwnId: fields["id"] !== undefined,
    content,
    hash: createHash("sha256").update(content).digest(),
    metadata: normalizeMetadata(`${name}.metadata`, fields["metadata"]),
    embedding:
      embedding === undefined
        ? undefined
        : checkVector(
            embedding,
            shape.dimensions,
            (problem) => invalidArgument(`\`${name}.embedding\` ${problem}.`),
            shape.storage,
          ),
  };
}

/** @throws PgVectorDBError `invalid_argument` */
export function checkId(name: string, id: unknown): string {
  if (typeof id !== "string" || id === "") throw invalidArgument(`\`${name}\` must be a string that is not empty.`);
  if (Buffer.byteLength(id) > MAX_ID_BYTES) {
    throw invalidArgument(`\`${name}\` must not be longer than ${MAX_ID_BYTES} bytes.`);
  }
  return checkStorable(name, id);
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
