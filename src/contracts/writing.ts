import type { AddDocumentsOptions } from "./collection.ts";
import type { Where } from "./where.ts";

/** Which documents: by id, or those whose metadata match. */
export type Selection<Metadata extends object> =
  | string
  | readonly string[]
  | {
      /** At least one condition: an empty filter is refused, so that a missing value never selects everything. */
      readonly where: Where<Metadata>;
    };

/** What becomes of the metadata of the selected documents. Dates become ISO strings, as they do in `addDocuments`. */
export type MetadataChange<Metadata extends object> =
  | {
      /** Fields to set; those not named stay. A field that is an object is set as a whole. */
      readonly merge: Partial<Metadata>;
      readonly replace?: undefined;
    }
  | {
      /** The new metadata, whatever was there. */
      readonly replace: Metadata;
      readonly merge?: undefined;
    };

export interface ReadDocumentsOptions<Metadata extends object> {
  /** Only documents whose metadata match. */
  readonly where?: Where<Metadata> | undefined;
  /** Documents fetched at once. Default 256. */
  readonly batchSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExportOptions<Metadata extends object> extends ReadDocumentsOptions<Metadata> {
  /** Whether the vectors are written too, so that an import need not embed. Default `false`. */
  readonly embeddings?: boolean | undefined;
}

/** As for `addDocuments`; an export has each document once. */
export type ImportOptions = Omit<AddDocumentsOptions, "dedupe">;
