"""Hard negatives of each query, by words (BM25) and by meaning (teacher vectors), and what both say of them."""

import random
from dataclasses import dataclass

import numpy as np

from .bm25 import Bm25Index, best
from .pairs import Pair

NEAR_DUPLICATE = 0.92
BLOCK = 256
BY_WORDS = 8
BY_MEANING = 8
AT_RANDOM = 4


@dataclass(frozen=True)
class Candidates:
    """Row i belongs to pair i. Column 0 is its own passage; then BM25's, the teacher's and random negatives."""

    passages: np.ndarray
    """Indices into the pairs [pairs, candidates]."""
    cosines: np.ndarray
    bm25: np.ndarray


def pick_negatives(
    words: np.ndarray, cosines: np.ndarray, allowed: np.ndarray, generator: random.Random
) -> np.ndarray:
    taken = ~allowed
    picked: list[int] = []
    for scores, count in ((words, BY_WORDS), (cosines, BY_MEANING)):
        found = best(np.where(taken, -np.inf, scores), count)
        taken[found] = True
        picked += found.tolist()
    rest = np.flatnonzero(~taken)
    return np.array(picked + [int(rest[generator.randrange(len(rest))]) for _ in range(AT_RANDOM)])


def mine_negatives(pairs: list[Pair], queries: np.ndarray, passages: np.ndarray, count: int, seed: int) -> Candidates:
    """Negatives of the first `count` pairs, among the passages of all `pairs`; `queries` and `passages` are their
    unit teacher vectors. Passages of the same page, near-duplicates of the positive, and passages that both BM25
    and the teacher prefer to the positive (likely answers) are left out."""
    generator = random.Random(seed)
    index = Bm25Index([pair.passage for pair in pairs])
    pages = np.unique([pair.page for pair in pairs], return_inverse=True)[1]
    queries, passages = queries.astype(np.float32), passages.astype(np.float32)
    rows, cosine_rows, bm25_rows = [], [], []
    for start in range(0, count, BLOCK):
        block = slice(start, min(start + BLOCK, count))
        near_duplicates = passages[block] @ passages.T > NEAR_DUPLICATE
        for offset, cosines in enumerate(queries[block] @ passages.T):
            position = start + offset
            words = index.scores(pairs[position].query)
            likely_answer = (words > words[position]) & (cosines > cosines[position])
            allowed = ~(likely_answer | near_duplicates[offset] | (pages == pages[position]))
            row = np.concatenate([[position], pick_negatives(words, cosines, allowed, generator)])
            rows.append(row)
            cosine_rows.append(cosines[row])
            bm25_rows.append(words[row])
    return Candidates(np.stack(rows), np.stack(cosine_rows), np.stack(bm25_rows).astype(np.float32))


def save_candidates(candidates: Candidates, path) -> None:
    np.savez(path, passages=candidates.passages, cosines=candidates.cosines, bm25=candidates.bm25)


def load_candidates(path) -> Candidates:
    with np.load(path) as stored:
        return Candidates(stored["passages"], stored["cosines"], stored["bm25"])
