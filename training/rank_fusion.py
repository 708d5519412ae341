"""Reciprocal rank fusion (Cormack et al. 2009), k = 60."""

from collections import defaultdict
from collections.abc import Sequence


def fuse_by_rank(rankings: Sequence[Sequence[str]], weights: Sequence[float], k: int = 60) -> list[str]:
    scores: dict[str, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, document in enumerate(ranking):
            scores[document] += weight / (k + rank + 1)
    return sorted(scores, key=lambda document: -scores[document])
