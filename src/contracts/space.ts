import type { Embedder } from "./embedder.ts";

/** Text by its meaning: a vector of its own, made by `embedder` and kept up to date with the text. */
export interface TextSpace {
  readonly kind: "text";
  /** The metadata field with the text, dots for nested fields; without a text there the document scores 0. Default: the content. */
  readonly field?: string | undefined;
  /** Default: the collection's embedder. */
  readonly embedder?: Embedder | undefined;
}

/** A number of which less, more, or a certain amount is better. */
export interface NumberSpace {
  readonly kind: "number";
  readonly field: string;
  /** The range in which numbers differ; what is beyond it is as good, or as bad, as its end. */
  readonly min: number;
  readonly max: number;
  /** `nearest` is nearest to the query's value. */
  readonly prefer: "lower" | "higher" | "nearest";
}

/** One of some values, or several in an array. */
export interface CategorySpace {
  readonly kind: "category";
  readonly field: string;
}

/** A date, of which a later one is better. It is aged when a search is made, so its score never goes stale. */
export interface RecencySpace {
  readonly kind: "recency";
  /** A `Date` or an ISO 8601 string. */
  readonly field: string;
  /** The score falls to 1/e (0.37) in so many days: `exp(-age / decayDays)`. */
  readonly decayDays: number;
}

/** One aspect that documents are compared by in a multimodal search. Every aspect's score is on 0..1, higher is better. */
export type Space = TextSpace | NumberSpace | CategorySpace | RecencySpace;

/** A space as a collection remembers it: of a text space the id of its embedder, with its dimensions. */
export type SpaceInfo =
  | (Omit<TextSpace, "embedder"> & { readonly embedder: string; readonly dimensions: number })
  | NumberSpace
  | CategorySpace
  | RecencySpace;

/** What a multimodal search wants of one space. */
export interface SpaceQuery {
  /**
   * For `text`, the text to be near to (default: the query); for `number` with `nearest`, the number; for `category`, the
   * value, or several of which any will do; for `recency`, the date from which age is counted (default: now).
   */
  readonly value?: string | number | boolean | Date | readonly (string | number | boolean)[] | undefined;
  /** How much the space counts beside the others, at least 0. Default 1. */
  readonly weight?: number | undefined;
}
