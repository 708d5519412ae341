"""The static embedder: a text is the normalised sum of one vector per WordPiece."""

from collections import Counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from .vocabulary import Vocabulary


class StaticEmbedder(nn.Module):
    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag.from_pretrained(vectors, mode="sum", freeze=False, include_last_offset=True)

    def forward(self, texts: list[np.ndarray]) -> Tensor:
        """Unit vectors [texts, dimensions]; a text is its piece ids, at least one."""
        ids = torch.from_numpy(np.concatenate(texts))
        offsets = torch.from_numpy(np.cumsum([0, *map(len, texts)]))
        return functional.normalize(self.bag(ids, offsets), dim=1)


def encode_ids(vocabulary: Vocabulary, texts: list[str], max_tokens: int) -> list[np.ndarray]:
    """Piece ids without special tokens; a text without any piece becomes one [UNK]."""
    unknown = vocabulary.tokenizer.token_to_id("[UNK]")
    ids: list[np.ndarray] = []
    for start in range(0, len(texts), 2048):
        for encoding in vocabulary.tokenizer.encode_batch(texts[start : start + 2048], add_special_tokens=False):
            ids.append(np.array(encoding.ids[:max_tokens] or [unknown], dtype=np.int64))
    return ids


@torch.inference_mode()
def piece_vectors(base: BertModel, vocabulary: Vocabulary) -> np.ndarray:
    """What the base model says of each piece alone: the mean over [CLS] piece [SEP]."""
    tokenizer = vocabulary.tokenizer
    begin, end = (vocabulary.base_ids[tokenizer.token_to_id(token)] for token in ("[CLS]", "[SEP]"))
    rows = []
    for start in range(0, len(vocabulary.base_ids), 512):
        pieces = vocabulary.base_ids[start : start + 512]
        ids = np.stack([np.full_like(pieces, begin), pieces, np.full_like(pieces, end)], axis=1)
        output = base(torch.from_numpy(ids)).last_hidden_state.mean(dim=1)
        rows.append(functional.normalize(output, dim=1).numpy())
    return np.concatenate(rows)


def principal_directions(vectors: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the first `dimensions` principal directions [features, dimensions]."""
    center = vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(vectors - center, full_matrices=False)
    return center, directions[:dimensions].T.copy()


def frequency_weights(ids: list[np.ndarray], size: int, smoothing: float = 1e-3) -> np.ndarray:
    """Smooth inverse frequency, a / (a + p(piece)) (Arora et al. 2017): common pieces count for less."""
    counts: Counter[int] = Counter()
    for row in ids:
        counts.update(row.tolist())
    frequency = np.array([counts[index] for index in range(size)], dtype=np.float64)
    return smoothing / (smoothing + frequency / frequency.sum())


def distil_pieces(base: BertModel, vocabulary: Vocabulary, ids: list[np.ndarray], dimensions: int) -> Tensor:
    """First vectors: the base model's pieces, principal directions, weighted by frequency."""
    vectors = piece_vectors(base, vocabulary)
    center, directions = principal_directions(vectors, dimensions)
    projected = (vectors - center) @ directions
    weights = frequency_weights(ids, len(vectors))
    return torch.tensor(projected * weights[:, None], dtype=torch.float32)
