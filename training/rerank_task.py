"""A reranking task: queries, their first-stage candidates in order, and all judgements."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .metrics import mean, ndcg, reciprocal_rank

Scorer = Callable[[str, list[str]], np.ndarray]


@dataclass(frozen=True)
class RerankQuery:
    text: str
    candidates: list[str]
    """Document ids, best first."""
    grades: dict[str, int]

    @property
    def is_answered(self) -> bool:
        """Whether the first stage found anything relevant."""
        return any(self.grades.get(candidate, 0) > 0 for candidate in self.candidates)


@dataclass(frozen=True)
class RerankTask:
    queries: list[RerankQuery]
    documents: dict[str, str]


@dataclass(frozen=True)
class RankingQuality:
    ndcg: list[float]
    """One nDCG@10 per query."""
    reciprocal_rank: list[float]
    """One reciprocal rank, cut at 10, per query."""

    def summary(self) -> dict[str, float]:
        return {"nDCG@10": round(mean(self.ndcg), 4), "MRR@10": round(mean(self.reciprocal_rank), 4)}


def judge(task: RerankTask, rankings: list[list[str]]) -> RankingQuality:
    pairs = list(zip(rankings, task.queries, strict=True))
    return RankingQuality(
        [ndcg(ranking, query.grades) for ranking, query in pairs],
        [reciprocal_rank(ranking, query.grades) for ranking, query in pairs],
    )


def rerank_query(task: RerankTask, query: RerankQuery, scorer: Scorer) -> list[str]:
    """Highest score first; equal scores keep the first stage's order."""
    scores = scorer(query.text, [task.documents[candidate] for candidate in query.candidates])
    return [query.candidates[index] for index in np.argsort(-scores, kind="stable")]


def bootstrap_interval(before: list[float], after: list[float], seed: int = 7) -> tuple[float, float]:
    """95 % interval of the mean difference, by a paired bootstrap over queries."""
    differences = np.array(after) - np.array(before)
    samples = np.random.default_rng(seed).integers(0, len(differences), size=(10_000, len(differences)))
    low, high = np.percentile(differences[samples].mean(axis=1), [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def measure_reranking(task: RerankTask, scorer: Scorer) -> dict:
    before = judge(task, [query.candidates for query in task.queries])
    after = judge(task, [rerank_query(task, query, scorer) for query in task.queries])
    return {
        "queries": len(task.queries),
        "first stage": before.summary(),
        "reranked": after.summary(),
        "nDCG@10 difference, 95 % interval": bootstrap_interval(before.ndcg, after.ndcg),
    }
