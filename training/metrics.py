"""nDCG and reciprocal rank as trec_eval computes them: linear gain, the ideal from all judgements."""

import math
from collections.abc import Mapping, Sequence

Grades = Mapping[str, int]


def discounted_gain(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))


def ndcg(ranking: Sequence[str], grades: Grades, k: int = 10) -> float:
    """`grades` holds every judgement of the query; a document without one counts as 0."""
    ideal = discounted_gain(sorted((max(grade, 0) for grade in grades.values()), reverse=True)[:k])
    gained = discounted_gain([max(grades.get(document, 0), 0) for document in ranking[:k]])
    return gained / ideal if ideal > 0 else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades, k: int = 10) -> float:
    for rank, document in enumerate(ranking[:k]):
        if grades.get(document, 0) > 0:
            return 1 / (rank + 1)
    return 0.0


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
