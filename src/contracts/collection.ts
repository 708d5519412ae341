import type { Embedder, Vector } from "./embedder.ts";
import type { Reranker, RerankFunction, RerankUsage, TruncatedPair, WinningSpan } from "./reranker.ts";
import type { Space, SpaceInfo, SpaceQuery } from "./space.ts";
import type { Where } from "./where.ts";

/** How two embeddings are compared. */
export type Distance = "cosine" | "l2" | "inner_product";

/** How an embedding is kept: `float16` takes half the room, and its index holds 4,000 dimensions where that of `float32` holds 2,000. */
export type VectorStorage = "float32" | "float16";

/** How a collection's table is cut into pieces by the hash of a column. */
export interface Distribution {
  /** `id` is the only one, and the default: it keeps an id unique in the whole collection. */
  readonly column?: "id" | undefined;
  /** Pieces, 1 to 1,024. On Citus they are shards, spread over its nodes, 32 by default; elsewhere partitions, 8 by default. */
  readonly shards?: number | undefined;
}

export interface CollectionOptions {
  /** Turns text into vectors. Default: the built-in static embedder. A collection remembers it and refuses another. */
  readonly embedder?: Embedder | undefined;
  /** Text-search language, a Postgres configuration name such as `german`. Default for a new collection: `english`. */
  readonly language?: string | undefined;
  /** Default for a new collection: `cosine`. */
  readonly distance?: Distance | undefined;
  /**
   * What multimodal search compares beside the content, by name. A collection remembers them and refuses others; when it is
   * opened again they may be left out, unless a text space has an embedder of its own. Default for a new collection: none.
   */
  readonly spaces?: Readonly<Record<string, Space>> | undefined;
  /** Default for a new collection: `float32`. `float16` holds values of up to 65,504, with three decimal digits. */
  readonly storage?: VectorStorage | undefined;
  /** Servers only. Default for a new collection: one table in one piece. */
  readonly distribution?: Distribution | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What the database knows about a collection. */
export interface CollectionInfo {
  readonly name: string;
  readonly embedder: string;
  readonly dimensions: number;
  readonly distance: Distance;
  readonly language: string;
  readonly storage: VectorStorage;
  /** How many pieces it is in; absent when its table is whole. */
  readonly shards?: number;
  /** What multimodal search can ask, by name; absent when there are none. */
  readonly spaces?: Readonly<Record<string, SpaceInfo>>;
}

/** What can be added: the text alone, or with an id, metadata and an embedding. */
export type DocumentInput<Metadata extends object> =
  | string
  | {
      /** Default: a new UUID v7. A document with the same id is replaced. */
      readonly id?: string | undefined;
      readonly content: string;
      /** JSON: dates become ISO strings, `undefined` fields are left out; what JSON would lose, such as a Map, is refused. */
      readonly metadata?: Metadata | undefined;
      /** When absent the collection's embedder makes it. */
      readonly embedding?: Vector | undefined;
    };

export interface StoredDocument<Metadata extends object> {
  readonly id: string;
  readonly content: string;
  readonly metadata: Metadata;
}

/** How the documents seen so far were dealt with. The last five numbers add up to `documents`. */
export interface AddProgress {
  readonly documents: number;
  readonly inserted: number;
  /** The content changed: embedded and written. */
  readonly updated: number;
  /** Only the metadata changed: written without embedding. */
  readonly metadataUpdated: number;
  /** Stored already, as it is: neither embedded nor written. */
  readonly unchanged: number;
  /** Replaced by a later document of the same batch with the same id. */
  readonly superseded: number;
}

export interface AddResult extends AddProgress {
  /** `ids[i]` belongs to the i-th document. Absent when the documents came from an iterable, which may have no end. */
  readonly ids?: readonly string[];
}

export interface AddDocumentsOptions {
  /** Documents written at once: all of them or none. Default 256. */
  readonly batchSize?: number | undefined;
  /** Called after every batch that is safely written. */
  readonly onProgress?: ((progress: AddProgress) => void) | undefined;
  /**
   * `content` keeps one document per text: one whose text is stored already is that stored one, unless its own id is stored too.
   * `ids` tells which it is.
   */
  readonly dedupe?: "content" | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface ReembedOptions {
  /** Documents embedded and written at once. Default 256. */
  readonly batchSize?: number | undefined;
  readonly onProgress?: ((progress: { readonly documents: number; readonly total: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface StageScore {
  /** Higher is better. */
  readonly score: number;
  /** 1 is the best of this stage. */
  readonly rank: number;
}

/** Every stage that saw the document, with its own score and rank. */
export interface HitStages {
  /** Cosine similarity (-1..1), `1 / (1 + distance)` for `l2`, or the inner product. */
  readonly semantic?: StageScore;
  /** BM25, or on a server without pg_textsearch its full-text rank; above 0. */
  readonly keyword?: StageScore;
  /** Word similarity of pg_trgm, 0..1. */
  readonly trigram?: StageScore;
  /** The fused score: by reciprocal rank fusion the sum of `weight / (rankConstant + rank)` over both arms, weighted 0..1. */
  readonly hybrid?: StageScore;
  /** The weighted mean of `spaces`, 0..1. */
  readonly multimodal?: StageScore;
  /** Every space that a multimodal search asked, `semantic` and `keyword` among them, each 0..1; equal scores share a rank. */
  readonly spaces?: Readonly<Record<string, StageScore>>;
  /** `score` is on 0..1, `rawScore` the model's own number. */
  readonly rerank?: StageScore & { readonly rawScore: number };
  /** The rerank score and the first stage's order together, 0..1; only where that order counts (`firstStageWeight`). */
  readonly combined?: StageScore;
}

export interface SearchHit<Metadata extends object> extends StoredDocument<Metadata> {
  /** The last stage's score. */
  readonly score: number;
  readonly stages: HitStages;
}

export interface Candidates {
  readonly requested: number;
  /** Fewer than requested only when no more documents match. */
  readonly returned: number;
}

export interface SearchTimings {
  readonly embedMs: number;
  readonly retrievalMs: number;
  readonly totalMs: number;
}

export interface SearchResult<Metadata extends object> {
  /** Best first. */
  readonly hits: readonly SearchHit<Metadata>[];
  readonly candidates: Candidates;
  readonly timings: SearchTimings;
}

export interface RerankSearchResult<Metadata extends object> extends SearchResult<Metadata> {
  readonly timings: SearchTimings & { readonly rerankMs: number };
  readonly usage: RerankUsage;
  readonly reranked: boolean;
  /** Name of the reranker. */
  readonly backend: string;
  /** What the first stage's order counted; 0 where the order is the reranker's alone, or nothing reranked. */
  readonly firstStageWeight: number;
  /** Why not, when `reranked` is false. */
  readonly reason?: string;
  /** Candidates that were longer than the model reads. `index` is the position among the candidates. */
  readonly truncated: readonly (TruncatedPair & { readonly id: string })[];
  /** Where the best window of each split document is, when the reranker splits long documents. */
  readonly spans?: readonly (WinningSpan & { readonly id: string })[];
}

interface CommonSearchOptions<Metadata extends object> {
  /** How many documents: 1 to 10,000. Default 10; for `rerankSearch` 100, the candidates to rerank. */
  readonly k?: number | undefined;
  /** Only documents whose metadata match. */
  readonly where?: Where<Metadata> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

interface SemanticArmOptions {
  /** Compare with every vector instead of asking the vector index. Default `false`. */
  readonly exact?: boolean | undefined;
}

interface KeywordArmOptions {
  /**
   * `any` takes documents with any of the query's terms, `phrase` those that have all of them side by side, in the query's
   * order; terms are compared as the collection's language stems them, and stop words stand for any word. Default `any`.
   */
  readonly match?: "any" | "phrase" | undefined;
}

/** What each arm counts. Default 1 and 1; in a hybrid search, what the embedder's `hybridWeight` says (0.95 where it does not) and 1. */
interface ArmWeights {
  readonly semantic?: number | undefined;
  readonly keyword?: number | undefined;
}

/**
 * How two arms become one order.
 *
 * - `weighted`, the default: the weighted mean of both scores, each first put on 0..1 by the lowest and the highest among its arm's
 *   candidates; a document that an arm did not find has 0 there (min-max convex combination: Bruch, Gai and Ingber, "An
 *   Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023). Where fewer than 100 documents, or `k`, have any of the
 *   words, the lowest keyword score is taken to be 0.
 * - `rrf`, reciprocal rank fusion: the sum of `weight / (rankConstant + rank)` over both arms (Cormack, Clarke and Büttcher,
 *   SIGIR 2009). The constant is 60 unless told.
 */
export type Fusion =
  | { readonly kind: "rrf"; readonly rankConstant?: number | undefined }
  | { readonly kind: "weighted" };

interface HybridArmOptions extends SemanticArmOptions, KeywordArmOptions {
  readonly weights?: ArmWeights | undefined;
  /** Default: `weighted`. */
  readonly fusion?: Fusion | undefined;
  /** Short for `fusion: { kind: "rrf", rankConstant }`. */
  readonly rankConstant?: number | undefined;
}

interface TrigramOptions {
  /** Leave out documents whose word similarity (0..1) is below this. Default 0.3. */
  readonly minSimilarity?: number | undefined;
  /** Compare with every text, where long ones are found by their words. Default `false`. */
  readonly exact?: boolean | undefined;
}

interface MultimodalOptions extends SemanticArmOptions, KeywordArmOptions {
  /** The spaces to ask, by name: those that are not named do not count. */
  readonly spaces?: Readonly<Record<string, SpaceQuery>> | undefined;
  /** What the content's meaning and its keywords count beside the spaces. Default 1 and 1; 0 leaves one out. */
  readonly weights?: ArmWeights | undefined;
}

export type KeywordSearchOptions<Metadata extends object> = CommonSearchOptions<Metadata> & KeywordArmOptions;
export type FuzzySearchOptions<Metadata extends object> = CommonSearchOptions<Metadata> & TrigramOptions;
export type SemanticSearchOptions<Metadata extends object> = CommonSearchOptions<Metadata> & SemanticArmOptions;
export type HybridSearchOptions<Metadata extends object> = CommonSearchOptions<Metadata> & HybridArmOptions;
export type MultimodalSearchOptions<Metadata extends object> = CommonSearchOptions<Metadata> & MultimodalOptions;

/** A first stage: its options are those of its `method`. Default `hybrid`. */
export type FirstStageOptions<Metadata extends object> =
  | ({ readonly method?: "hybrid" | undefined } & HybridSearchOptions<Metadata>)
  | ({ readonly method: "semantic" } & SemanticSearchOptions<Metadata>)
  | ({ readonly method: "keyword" } & KeywordSearchOptions<Metadata>)
  | ({ readonly method: "trigram" } & FuzzySearchOptions<Metadata>)
  | ({ readonly method: "multimodal" } & MultimodalSearchOptions<Metadata>);

interface RerankStageOptions {
  /** A reranker or a function `(query, texts) => scores`. Default: the built-in cross-encoder. */
  readonly reranker?: Reranker | RerankFunction | undefined;
  /** How many hits to return after reranking. Default 5. */
  readonly rerankTopK?: number | undefined;
  /** Leave out hits whose rerank score (0..1) is below this. Default: keep all. */
  readonly threshold?: number | undefined;
  /**
   * What the first stage's order counts beside the rerank scores: `w`, 0 to 10, multiplies a candidate's odds by its rank to the
   * power of `-w`, rank 1 being the first stage's best. Default: what the reranker says, which is 0 but for the built-in one;
   * that says more behind a first stage that is taken for strong (`FirstStageStrength`).
   */
  readonly firstStageWeight?: number | undefined;
  /** Hits to skip after reranking: every page is cut from the same candidates. Default 0. */
  readonly offset?: number | undefined;
}

export type RerankSearchOptions<Metadata extends object> = RerankStageOptions & FirstStageOptions<Metadata>;

export type ExplainOptions<Metadata extends object> = FirstStageOptions<Metadata> & {
  /** The plan as Postgres prints it, or as its JSON. Default `text`. */
  readonly format?: "text" | "json" | undefined;
};

/** How Postgres ran one statement. Values that were bound or quoted are not told. */
export interface ExplainedStatement {
  /** With `$1`, `$2`, … where values are bound. */
  readonly sql: string;
  /** Text, or JSON as `EXPLAIN (FORMAT JSON)` gives it. */
  readonly plan: unknown;
  readonly planningMs: number;
  readonly executionMs: number;
}

export interface Explanation {
  /** One; two where the vector index gave too few candidates and they were taken again, exactly, or a fuzzy search looked further. */
  readonly statements: readonly ExplainedStatement[];
}

export interface MeasureRecallOptions<Metadata extends object> {
  /** Documents per query: 1 to 10,000. Default 10. */
  readonly k?: number | undefined;
  readonly where?: Where<Metadata> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What the vector index finds of the exact answer. */
export interface RecallReport {
  /** The mean of `perQuery`. */
  readonly recall: number;
  /** `perQuery[i]` belongs to `queries[i]`: the share of its `k` nearest documents that was found; 1 when there are none. */
  readonly perQuery: readonly number[];
  readonly k: number;
  /** Whether there is an index. Without one every search is exact. */
  readonly indexed: boolean;
  /** Median time of a search, without embedding. */
  readonly medianMs: number;
  /** Median time of an exact one. */
  readonly exactMedianMs: number;
}
