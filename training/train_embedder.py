"""Trains the static embedder: first towards the teacher's sentence vectors, then on the pairs themselves."""

from collections.abc import Iterator
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
    distil_epochs: int = 6
    distil_batch: int = 512
    distil_learning_rate: float = 5e-4
    contrast_epochs: int = 4
    contrast_batch: int = 1024
    contrast_learning_rate: float = 1e-3
    temperature: float = 0.05
    taught_batch: int = 384
    taught_weight: float = 20.0
    """Of the teacher's similarities, kept in sight while the pairs are learned: words that the pairs hold seldom stay put."""
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


def similarity_loss(model: StaticEmbedder, texts: list[np.ndarray], targets: np.ndarray, batch: np.ndarray) -> Tensor:
    """How far the similarities of the batch's texts to each other are from the teacher's.

    Similarities, not coordinates: a static embedder has fewer dimensions than its teacher."""
    wished = torch.from_numpy(targets[batch].astype(np.float32))
    seen = model([texts[index] for index in batch])
    others = ~torch.eye(len(batch), dtype=torch.bool)
    return functional.mse_loss((seen @ seen.T)[others], (wished @ wished.T)[others])


def distil(model: StaticEmbedder, texts: list[np.ndarray], targets: np.ndarray, plan: EmbedderPlan) -> None:
    generator = np.random.default_rng(plan.seed)
    batches = [
        batch
        for _ in range(plan.distil_epochs)
        for batch in shuffled_batches(len(texts), plan.distil_batch, generator)
    ]
    losses = (similarity_loss(model, texts, targets, batch) for batch in batches)
    descend(model, plan.distil_learning_rate, losses, len(batches))


@dataclass(frozen=True)
class EmbedderPairs:
    queries: list[np.ndarray]
    passages: list[np.ndarray]
    pages: np.ndarray
    taught_texts: list[np.ndarray]
    taught_vectors: np.ndarray


def contrast(model: StaticEmbedder, pairs: EmbedderPairs, plan: EmbedderPlan) -> None:
    """Each query picks its passage among those of the batch, and the reverse; passages of one page do not compete. The
    teacher's similarities count on."""
    generator = np.random.default_rng(plan.seed)
    batches = [
        batch
        for _ in range(plan.contrast_epochs)
        for batch in shuffled_batches(len(pairs.queries), plan.contrast_batch, generator)
    ]

    def endless() -> Iterator[np.ndarray]:
        while True:
            yield from shuffled_batches(len(pairs.taught_texts), plan.taught_batch, generator)

    def loss(batch: np.ndarray, taught: np.ndarray) -> Tensor:
        left = model([pairs.queries[index] for index in batch])
        right = model([pairs.passages[index] for index in batch])
        page = torch.from_numpy(pairs.pages[batch])
        same_page = (page[:, None] == page) & ~torch.eye(len(batch), dtype=torch.bool)
        logits = (left @ right.T / plan.temperature).masked_fill(same_page, -1e4)
        own = torch.arange(len(batch))
        picked = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
        return picked + plan.taught_weight * similarity_loss(model, pairs.taught_texts, pairs.taught_vectors, taught)

    descend(model, plan.contrast_learning_rate, map(loss, batches, endless()), len(batches))
