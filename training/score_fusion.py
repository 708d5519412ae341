"""The convex combination of min-max normalised scores (Bruch et al. 2023), as the package's hybrid search has it."""

from collections import defaultdict
from collections.abc import Sequence

Scored = Sequence[tuple[str, float]]
"""Documents with their scores, best first."""


def fuse_by_score(words: Scored, meaning: Scored, weight: float, depth: int) -> list[str]:
    """`weight` is what similarities count beside the keywords' 1. Each arm has up to `depth` documents; of words that fewer have, the lowest score is 0."""
    scores: dict[str, float] = defaultdict(float)
    low = 0 if len(words) < depth else words[-1][1]
    for document, score in words:
        scores[document] += unit(score, low, words[0][1])
    for document, score in meaning:
        scores[document] += weight * unit(score, meaning[-1][1], meaning[0][1])
    return sorted(scores, key=lambda document: -scores[document])


def unit(score: float, low: float, high: float) -> float:
    return (score - low) / (high - low) if high > low else 1
