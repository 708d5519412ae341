import type { Embedder, Vector } from "./embedder.ts";
import type { Reranker, RerankFunction, RerankUsage, TruncatedPair } from "./reranker.ts";
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
}

/** What can be added: the text alone, or with an id, metadata and an embedding. */
export type DocumentInput<Metadata extends object> =
  | string
  | {
      /** Default: a new UUID v7. A document with the same id is replaced. */
      readonly id?: string | undefined;
      readonly content: string;
      /** JSON: dates become ISO strings, `undefined` fields are left out. */
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
  /** `content` keeps one document per text: one without an id, whose text is stored already, is that stored one. */
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
  /** BM25, above 0. */
  readonly keyword?: StageScore;
  /** Reciprocal rank fusion: the sum of `weight / (rankConstant + rank)` over both arms. */
  readonly hybrid?: StageScore;
  /** `score` is on 0..1, `rawScore` the model's own number. */
  readonly rerank?: StageScore & { readonly rawScore: number };
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
  /** Why not, when `reranked` is false. */
  readonly reason?: string;
  /** Candidates that were longer than the model reads. `index` is the position among the candidates. */
  readonly truncated: readonly (TruncatedPair & { readonly id: string })[];
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

interface HybridArmOptions extends SemanticArmOptions {
  /** What each arm counts in the fusion. Default 1 and 1. */
  readonly weights?: { readonly semantic?: number | undefined; readonly keyword?: number | undefined } | undefined;
  /** The constant of reciprocal rank fusion (Cormack et al., 2009). Default 60. */
  readonly rankConstant?: number | undefined;
}

export type KeywordSearchOptions<Metadata extends object> = CommonSearchOptions<Metadata>;
export type SemanticSearchOptions<Metadata extends object> = CommonSearchOptions<Metadata> & SemanticArmOptions;
export type HybridSearchOptions<Metadata extends object> = CommonSearchOptions<Metadata> & HybridArmOptions;

interface RerankStageOptions {
  /** A reranker or a function `(query, texts) => scores`. Default: the built-in cross-encoder. */
  readonly reranker?: Reranker | RerankFunction | undefined;
  /** How many hits to return after reranking. Default 5. */
  readonly rerankTopK?: number | undefined;
  /** Leave out hits whose rerank score (0..1) is below this. Default: keep all. */
  readonly threshold?: number | undefined;
  /** Hits to skip after reranking: every page is cut from the same candidates. Default 0. */
  readonly offset?: number | undefined;
}

/** The first stage's options are those of its `method`. Default `hybrid`. */
export type RerankSearchOptions<Metadata extends object> = RerankStageOptions &
  (
    | ({ readonly method?: "hybrid" | undefined } & HybridSearchOptions<Metadata>)
    | ({ readonly method: "semantic" } & SemanticSearchOptions<Metadata>)
    | ({ readonly method: "keyword" } & KeywordSearchOptions<Metadata>)
  );
