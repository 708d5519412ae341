"""Trains the static embedder: first towards the teacher's sentence vectors, then on the pairs themselves."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .static_embedder import StaticEmbedder


@dataclass(frozen=True)
class EmbedderPlan:
    dimensions: int = 256
    max_tokens: int = 160
    distil_epochs: int = 3
    distil_batch: int = 512
    distil_learning_rate: float = 5e-4
    contrast_epochs: int = 3
    contrast_batch: int = 2048
    contrast_learning_rate: float = 1e-3
    temperature: float = 0.05
    seed: int = 7


def shuffled_batches(count: int, size: int, generator: np.random.Generator) -> list[np.ndarray]:
    order = generator.permutation(count)
    return [order[start : start + size] for start in range(0, count - size + 1, size)]


def descend(model: StaticEmbedder, learning_rate: float, losses, steps: int) -> None:
    """Adam over a lazily computed series of losses, the learning rate falling to 0."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
    for loss in losses:
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()


def distil(model: StaticEmbedder, texts: list[np.ndarray], targets: np.ndarray, plan: EmbedderPlan) -> None:
    """Bring texts in a batch into the same similarities to each other as the teacher sees.

    Similarities, not coordinates: a static embedder has fewer dimensions than its teacher."""
    generator = np.random.default_rng(plan.seed)
    batches = [
        batch
        for _ in range(plan.distil_epochs)
        for batch in shuffled_batches(len(texts), plan.distil_batch, generator)
    ]

    def loss(batch: np.ndarray) -> Tensor:
        wished = torch.from_numpy(targets[batch].astype(np.float32))
        seen = model([texts[index] for index in batch])
        others = ~torch.eye(len(batch), dtype=torch.bool)
        return functional.mse_loss((seen @ seen.T)[others], (wished @ wished.T)[others])

    descend(model, plan.distil_learning_rate, map(loss, batches), len(batches))


def contrast(
    model: StaticEmbedder,
    queries: list[np.ndarray],
    passages: list[np.ndarray],
    pages: np.ndarray,
    plan: EmbedderPlan,
) -> None:
    """Each query picks its passage among those of the batch, and the reverse; passages of one page do not compete."""
    generator = np.random.default_rng(plan.seed)
    batches = [
        batch
        for _ in range(plan.contrast_epochs)
        for batch in shuffled_batches(len(queries), plan.contrast_batch, generator)
    ]

    def loss(batch: np.ndarray) -> Tensor:
        left = model([queries[index] for index in batch])
        right = model([passages[index] for index in batch])
        page = torch.from_numpy(pages[batch])
        same_page = (page[:, None] == page) & ~torch.eye(len(batch), dtype=torch.bool)
        logits = (left @ right.T / plan.temperature).masked_fill(same_page, -1e4)
        own = torch.arange(len(batch))
        return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2

    descend(model, plan.contrast_learning_rate, map(loss, batches), len(batches))
