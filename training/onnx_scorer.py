"""Scores pairs with the shipped ONNX file as the package does: one pair a run, the document cut to fit."""

from pathlib import Path

import numpy as np
import onnxruntime

from tokenizers import Tokenizer


class OnnxScorer:
    def __init__(self, folder: Path, max_length: int = 512, threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_int8.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(max_length, strategy="longest_first")

    def score(self, query: str, documents: list[str]) -> np.ndarray:
        """Raw logits; score(...)[i] belongs to documents[i]."""
        return np.array([self.score_pair(query, document) for document in documents], dtype=np.float32)

    def score_pair(self, query: str, document: str) -> float:
        encoding = self.tokenizer.encode(query, document)
        feeds = {
            "input_ids": np.array([encoding.ids], dtype=np.int64),
            "attention_mask": np.ones((1, len(encoding.ids)), dtype=np.int64),
            "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
        }
        return float(self.session.run(["logits"], feeds)[0][0, 0])
