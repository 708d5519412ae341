"""The teacher of the cross-encoder: the base model's cosine and BM25, weighted as one log-odds.

Both weights are fitted once, so that a softmax over a query's candidates best predicts the true passage
(a conditional logit model); no other label is used.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .hard_negatives import Candidates


@dataclass(frozen=True)
class Teacher:
    cosine_weight: float
    bm25_weight: float

    def logits(self, candidates: Candidates) -> Tensor:
        cosines, bm25 = torch.from_numpy(candidates.cosines), torch.from_numpy(candidates.bm25)
        return self.cosine_weight * cosines + self.bm25_weight * bm25


def fit_teacher(candidates: Candidates) -> Teacher:
    features = torch.stack([torch.from_numpy(candidates.cosines), torch.from_numpy(candidates.bm25)], dim=2)
    weights = torch.tensor([10.0, 0.1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = -torch.log_softmax(features @ weights, dim=1)[:, 0].mean()
        value.backward()
        return value

    optimizer.step(loss)
    cosine_weight, bm25_weight = weights.tolist()
    return Teacher(cosine_weight, bm25_weight)
