export { AttachedTable } from "./attached-table.ts";
export { Collection } from "./collection.ts";
export type { AttachOptions } from "./contracts/attach.ts";
export type {
  AddDocumentsOptions,
  AddProgress,
  AddResult,
  Candidates,
  CollectionInfo,
  CollectionOptions,
  Distance,
  DocumentInput,
  ExplainedStatement,
  ExplainOptions,
  Explanation,
  FirstStageOptions,
  Fusion,
  FuzzySearchOptions,
  HitStages,
  HybridSearchOptions,
  KeywordSearchOptions,
  MeasureRecallOptions,
  MultimodalSearchOptions,
  RecallReport,
  ReembedOptions,
  RerankSearchOptions,
  RerankSearchResult,
  SearchHit,
  SearchResult,
  SearchTimings,
  SemanticSearchOptions,
  StageScore,
  StoredDocument,
  VectorStorage,
} from "./contracts/collection.ts";
export type { Embedder, EmbedOptions, Vector } from "./contracts/embedder.ts";
export type {
  CollectionStats,
  FieldIndexType,
  IndexBuildOptions,
  IndexInfo,
  IndexProgress,
  VectorIndexOptions,
} from "./contracts/indexes.ts";
export type {
  CategorySpace,
  NumberSpace,
  RecencySpace,
  Space,
  SpaceInfo,
  SpaceQuery,
  TextSpace,
} from "./contracts/space.ts";
export type { Condition, Where } from "./contracts/where.ts";
export type {
  ExportOptions,
  ImportOptions,
  MetadataChange,
  ReadDocumentsOptions,
  Selection,
} from "./contracts/writing.ts";
export { PgVectorDBError, type PgVectorDBErrorCode } from "./errors.ts";
export { type OpenOptions, PgVectorDB } from "./pgvectordb.ts";
export type { RerankStepOptions, SearchQuery } from "./retrieval/search-query.ts";
export { type Passage, type SplitTextOptions, splitText } from "./split/split-text.ts";
