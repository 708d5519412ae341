"""Retrieval quality of the shipped static embedder: development split and SciFact."""

import numpy as np

from .bm25 import Bm25Index, best
from .export_embedder import HYBRID_WEIGHT
from .metrics import mean
from .pairs import Pair
from .rerank_task import RerankTask, bootstrap_interval, judge
from .score_fusion import Scored, fuse_by_score
from .shipped_embedder import ShippedEmbedder


def retrieval_ranks(queries: np.ndarray, passages: np.ndarray, own: np.ndarray, pages: np.ndarray) -> np.ndarray:
    """Rank (from 1) of passages[own[i]] for each query, other passages of its page left out."""
    ranks = []
    for query, position in zip(queries, own, strict=True):
        scores = passages @ query
        scores[(pages == pages[position]) & (np.arange(len(pages)) != position)] = -np.inf
        ranks.append(1 + int((scores > scores[position]).sum()))
    return np.array(ranks)


def measure_dev_retrieval(embedder: ShippedEmbedder, dev: list[Pair], pairs: list[Pair]) -> dict:
    """Every held-out query against the passages of all pairs, held-out and training."""
    corpus = [*dev, *pairs]
    pages = np.unique([pair.page for pair in corpus], return_inverse=True)[1]
    passages = embedder.embed([pair.passage for pair in corpus])
    queries = embedder.embed([pair.query for pair in dev])
    ranks = retrieval_ranks(queries, passages, np.arange(len(dev)), pages)
    return {
        "queries": len(dev),
        "passages": len(corpus),
        "MRR@10": round(float(np.where(ranks <= 10, 1 / ranks, 0).mean()), 4),
        "recall@10": round(float((ranks <= 10).mean()), 4),
        "recall@100": round(float((ranks <= 100).mean()), 4),
    }


def measure_fusion(embedder: ShippedEmbedder, task: RerankTask, depth: int = 100) -> dict:
    """nDCG@10 of BM25 and of the embedder over the whole corpus, and of both fused by score."""
    ids = list(task.documents)
    texts = list(task.documents.values())
    index = Bm25Index(texts)
    passages = embedder.embed(texts)
    queries = embedder.embed([query.text for query in task.queries])

    def top(scores: np.ndarray) -> Scored:
        return [(ids[row], float(scores[row])) for row in best(scores, depth)]

    words = [[found for found in top(index.scores(query.text)) if found[1] > 0] for query in task.queries]
    own = [top(passages @ query) for query in queries]
    fused = [fuse_by_score(*arms, HYBRID_WEIGHT, depth) for arms in zip(words, own, strict=True)]
    quality = {
        "BM25": judge(task, without_scores(words)),
        "embedder": judge(task, without_scores(own)),
        "fused": judge(task, fused),
    }
    scores = {name: round(mean(value.ndcg), 4) for name, value in quality.items()}
    return {
        "queries": len(task.queries),
        "nDCG@10": scores,
        "fused minus BM25, 95 % interval": bootstrap_interval(quality["BM25"].ndcg, quality["fused"].ndcg),
    }


def without_scores(rankings: list[Scored]) -> list[list[str]]:
    return [[document for document, _ in ranking] for ranking in rankings]
