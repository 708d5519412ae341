"""Unit sentence vectors of the base model (mean pooling), the teacher of both students."""

import numpy as np
import torch
from torch.nn import functional
from transformers import BertModel

from tokenizers import Tokenizer

from .precision import reduced_precision

TOKENS_PER_BATCH = 4096


def batches_by_length(lengths: list[int], tokens_per_batch: int) -> list[list[int]]:
    """Indices, longest first, in batches whose padded size stays within the budget."""
    batches: list[list[int]] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if not batches or (len(batches[-1]) + 1) * longest > tokens_per_batch:
            batches.append([])
            longest = lengths[index]
        batches[-1].append(index)
    return batches


@torch.inference_mode()
def encode_sentences(model: BertModel, tokenizer: Tokenizer, texts: list[str], max_tokens: int) -> np.ndarray:
    """float16 unit vectors [texts, width]."""
    tokenizer.enable_truncation(max_tokens)
    encodings = tokenizer.encode_batch(texts)
    tokenizer.no_truncation()
    vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float16)
    for batch in batches_by_length([len(encoding.ids) for encoding in encodings], TOKENS_PER_BATCH):
        width = len(encodings[batch[0]].ids)
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        mask = torch.zeros(len(batch), width, dtype=torch.long)
        for row, index in enumerate(batch):
            length = len(encodings[index].ids)
            ids[row, :length] = torch.tensor(encodings[index].ids)
            mask[row, :length] = 1
        with reduced_precision():
            states = model(ids, attention_mask=mask).last_hidden_state.float() * mask[:, :, None]
        pooled = states.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        vectors[batch] = functional.normalize(pooled, dim=1).numpy()
    return vectors
