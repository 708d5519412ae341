"""BM25 over a list of texts, English stems, the parameters of the SciFact run (k1 0.9, b 0.4)."""

import bm25s
import numpy as np
import Stemmer


class Bm25Index:
    def __init__(self, texts: list[str]) -> None:
        self.stemmer = Stemmer.Stemmer("english")
        self.index = bm25s.BM25(k1=0.9, b=0.4)
        self.index.index(self.tokens(texts, return_ids=True), show_progress=False)

    def tokens(self, texts: list[str], return_ids: bool = False):
        return bm25s.tokenize(
            texts, stopwords="en", stemmer=self.stemmer, return_ids=return_ids, show_progress=False
        )

    def scores(self, query: str) -> np.ndarray:
        """One score per indexed text."""
        return self.index.get_scores(self.tokens([query])[0])


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k highest scores, best first; equal scores keep the order of the texts."""
    k = min(k, len(scores))
    top = np.argpartition(-scores, k - 1)[:k]
    return top[np.lexsort((top, -scores[top]))]
