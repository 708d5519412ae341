"""Writes the static embedder: one int8 row and one scale per piece."""

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from .model_folder import publish_folder, write_json


HYBRID_WEIGHT = 0.7
"""Of the embedder's scores beside BM25's (`score_fusion.py`). Chosen on 1,000 held-out queries (RESULTS.md)."""


def quantize_rows(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 rows and their scales: row = values * scale. A row of zeros becomes a tiny one."""
    scales = np.abs(vectors).max(axis=1) / 127
    empty = scales < 1e-8
    values = np.rint(vectors / np.where(empty, 1, scales)[:, None]).astype(np.int8)
    values[empty, 0] = 1
    return values, np.where(empty, 1e-6, scales).astype(np.float32)


def export_embedder(vectors: np.ndarray, tokenizer: Path, folder: Path) -> None:
    def fill(fresh: Path) -> None:
        values, scales = quantize_rows(vectors)
        save_file({"embeddings": values, "scales": scales}, str(fresh / "model.safetensors"))
        shutil.copy(tokenizer, fresh / "tokenizer.json")
        write_json(
            fresh / "config.json",
            {
                "model_type": "pgvectordb-static",
                "id": f"builtin/{folder.name}",
                "dimensions": vectors.shape[1],
                "max_tokens": None,
                "hybrid_weight": HYBRID_WEIGHT,
            },
        )

    publish_folder(folder, fill)
