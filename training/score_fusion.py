"""The convex combination of min-max normalised scores (Bruch et al. 2023), as the package's hybrid search has it."""

from collections import defaultdict
from collections.abc import Sequence

Scored = Sequence[tuple[str, float]]
"""Documents with their scores, best first."""


def fuse_by_score(rankings: Sequence[Scored], weights: Sequence[float]) -> list[str]:
    scores: dict[str, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        if not ranking:
            continue
        high, low = ranking[0][1], ranking[-1][1]
        for document, score in ranking:
            scores[document] += weight * ((score - low) / (high - low) if high > low else 1)
    return sorted(scores, key=lambda document: -scores[document])
