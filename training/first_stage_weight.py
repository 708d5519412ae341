"""What the first stage's order counts beside the reranker: candidates are ordered by logit - weight * ln(rank).

The odds that the reranker gives a candidate are multiplied by the prior odds rank^-weight. The weight is fitted once, on the development split, and is the same for
every collection: what was fitted on the training queries would trust the reranker too much, which knows their kind best.
"""

import numpy as np
import torch

from .blend import minimize
from .rerank_task import RerankTask, Scorer


def remember(scorer: Scorer) -> Scorer:
    """The same, but what was asked before is not computed again."""
    known: dict[tuple[str, ...], np.ndarray] = {}

    def score(query: str, documents: list[str]) -> np.ndarray:
        key = (query, *documents)
        if key not in known:
            known[key] = scorer(query, documents)
        return known[key]

    return score


def with_first_stage(scorer: Scorer, weight: float) -> Scorer:
    """For documents in the first stage's order."""
    return lambda query, documents: scorer(query, documents) - weight * log_ranks(len(documents))


def fit_first_stage_weight(task: RerankTask, scorer: Scorer) -> float:
    """The weight of a conditional logit: a softmax over a query's candidates best predicts the relevant ones, with the reranker's logit free to be scaled. Queries that
    the first stage did not answer tell nothing."""
    rows = []
    for query in task.queries:
        if not query.is_answered:
            continue
        logits = scorer(query.text, [task.documents[candidate] for candidate in query.candidates])
        labels = torch.tensor([float(query.grades.get(candidate, 0) > 0) for candidate in query.candidates])
        features = np.stack([logits, -log_ranks(len(logits))], axis=1)
        rows.append((torch.tensor(features, dtype=torch.float64), labels / labels.sum()))
    factors = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    minimize(
        [factors],
        lambda: -torch.stack([((features @ factors).log_softmax(0) * shares).sum() for features, shares in rows]).mean(),
    )
    scale, weight = factors.tolist()
    return weight / scale


def log_ranks(count: int) -> np.ndarray:
    return np.log(np.arange(1, count + 1))
