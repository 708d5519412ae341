"""BM25 over WordPieces, computed from the pair alone: a term of the reranker's logit."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

K1 = 0.9
B = 0.4


@dataclass(frozen=True)
class PieceStatistics:
    """Of the passages of the training pairs."""

    inverse_frequency: np.ndarray
    """ln(1 + (N - n + 0.5) / (n + 0.5)) of each piece that n of N passages hold; 0 for special tokens."""
    average_length: float
    """Pieces in a passage."""


def count_pieces(passages: list[np.ndarray], size: int, special: list[int]) -> PieceStatistics:
    holders = np.zeros(size)
    for ids in passages:
        holders[np.unique(ids)] += 1
    inverse = np.log1p((len(passages) - holders + 0.5) / (holders + 0.5))
    inverse[special] = 0
    return PieceStatistics(inverse.astype(np.float32), float(np.mean([len(ids) for ids in passages])))


def lexical_match(statistics: PieceStatistics, input_ids: Tensor, in_query: Tensor, in_document: Tensor) -> Tensor:
    """BM25 of each pair [batch] (Robertson and Zaragoza 2009). Masks are 1.0 where a token belongs to that text."""
    weights = torch.from_numpy(statistics.inverse_frequency)[input_ids] * in_query
    same = (input_ids[:, :, None] == input_ids[:, None, :]).float()
    frequency = (same @ in_document[:, :, None])[:, :, 0]
    length = in_document.sum(1, keepdim=True) / statistics.average_length
    saturated = frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * length))
    return (weights * saturated).sum(1)


def query_mass(statistics: PieceStatistics, input_ids: Tensor, in_query: Tensor) -> Tensor:
    """The sum of the query pieces' inverse frequencies [batch]."""
    return (torch.from_numpy(statistics.inverse_frequency)[input_ids] * in_query).sum(1)
