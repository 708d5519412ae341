"""Which pairs the reranker learns from: all sources, none dominating, questions before headings."""

import random
from collections import defaultdict

from .pairs import Pair

QUESTION_KINDS = frozenset({"qa", "faq"})


def choose_pairs(pairs: list[Pair], questions_per_source: int, others_per_source: int, seed: int) -> list[Pair]:
    generator = random.Random(seed)
    groups: dict[tuple[str, bool], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[(pair.source, pair.kind in QUESTION_KINDS)].append(pair)
    chosen: list[Pair] = []
    for (_, is_question), members in sorted(groups.items(), key=lambda item: item[0]):
        limit = questions_per_source if is_question else others_per_source
        chosen += generator.sample(members, min(limit, len(members)))
    generator.shuffle(chosen)
    return chosen
