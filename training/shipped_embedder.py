"""Reads the static embedder as the package does: int8 rows times scales, summed, normalised."""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

from tokenizers import Tokenizer

from .static_embedder import StaticEmbedder, encode_ids
from .vocabulary import Vocabulary


class ShippedEmbedder:
    def __init__(self, folder: Path) -> None:
        stored = load_file(str(folder / "model.safetensors"))
        vectors = stored["embeddings"].astype(np.float32) * stored["scales"][:, None]
        self.model = StaticEmbedder(torch.from_numpy(vectors))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.vocabulary = Vocabulary(tokenizer, np.arange(len(vectors)))

    @torch.inference_mode()
    def embed(self, texts: list[str]) -> np.ndarray:
        """Unit vectors [texts, dimensions]."""
        ids = encode_ids(self.vocabulary, texts, max_tokens=1_000_000)
        parts = [self.model(ids[start : start + 1024]).numpy() for start in range(0, len(ids), 1024)]
        return np.concatenate(parts)
