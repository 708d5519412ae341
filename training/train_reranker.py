"""Trains the cross-encoder on groups: a query, its passage, and hard negatives."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tokenizers import Tokenizer

from .cross_encoder import TRAINED, CrossEncoder, Keep, Reading
from .hard_negatives import AT_RANDOM, BY_MEANING, BY_WORDS, Candidates
from .precision import reduced_precision

CHECKPOINT_STEPS = 20
QUERY_TOKENS = 62
"""With [CLS] and [SEP], the 64 tokens of which the teacher's query vectors are made."""
DOCUMENT_TOKENS = 318
"""Likewise, of 320."""


@dataclass(frozen=True)
class Plan:
    steps: int
    groups_per_step: int = 6
    words_negatives: int = 1
    meaning_negatives: int = 1
    random_negatives: int = 1
    keeps: tuple[Keep, ...] = TRAINED
    learning_rate: float = 1.6e-4
    words_learning_rate: float = 6e-5
    """Of the word vectors: a step sees few of them."""
    head_learning_rate: float = 1e-3
    """Of the piece importances and the two scales, which start far from their best and are few."""
    warmup_steps: int = 100
    decay_share: float = 0.9
    """The learning rate falls to 0 over this last share of the steps."""
    teacher_share: float = 0.6
    vector_share: float = 16.0
    """Weight of the teacher's sentence vectors: hundreds of numbers a text where a ranking tells two bits a group. With a
    quarter of it, training ranked its own groups better and moved away from the teacher, which ranks what is new better."""
    relation_share: float = 1.0
    """Weight of what the teacher says of every query of a step with every document of it: what ranks, of the vectors."""
    relation_scale: float = 20.0
    """What the cosines of these are multiplied by before the softmax."""
    absolute_share: float = 0.1
    """Weight of the per-pair loss that keeps the sigmoid of a logit meaningful across queries."""
    seed: int = 7


Group = list[tuple[int, int]]
"""(query, column in the candidates); the first is the positive."""


@dataclass(frozen=True)
class Batch:
    groups: list[Group]
    keep: Keep


def shuffled_forever(rows: list[int], generator: random.Random) -> Iterator[int]:
    while True:
        yield from generator.sample(rows, len(rows))


def plan_batches(plan: Plan, candidates: Candidates) -> Iterator[Batch]:
    generator = random.Random(plan.seed)
    queries = shuffled_forever(list(range(len(candidates.passages))), generator)
    words = range(1, 1 + BY_WORDS)
    meaning = range(1 + BY_WORDS, 1 + BY_WORDS + BY_MEANING)
    others = range(1 + BY_WORDS + BY_MEANING, 1 + BY_WORDS + BY_MEANING + AT_RANDOM)

    def group(query: int) -> Group:
        columns = [
            0,
            *generator.sample(words, plan.words_negatives),
            *generator.sample(meaning, plan.meaning_negatives),
            *generator.sample(others, plan.random_negatives),
        ]
        return [(query, column) for column in columns]

    for _ in range(plan.steps):
        yield Batch([group(next(queries)) for _ in range(plan.groups_per_step)], generator.choice(plan.keeps))


@dataclass(frozen=True)
class PairIds:
    """Piece ids of `[CLS] query [SEP] document [SEP]`, and how many of them are the query's, specials included."""

    ids: np.ndarray
    query_length: int


def join_pair(tokenizer: Tokenizer, query: np.ndarray, document: np.ndarray) -> PairIds:
    begin, end = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    return PairIds(np.concatenate([[begin], query, [end], document, [end]]), len(query) + 2)


def model_inputs(pairs: list[PairIds]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and types, padded to the longest pair."""
    ids, mask, types = torch.zeros(3, len(pairs), max(len(pair.ids) for pair in pairs), dtype=torch.long)
    for row, pair in enumerate(pairs):
        ids[row, : len(pair.ids)] = torch.from_numpy(pair.ids)
        mask[row, : len(pair.ids)] = 1
        types[row, pair.query_length : len(pair.ids)] = 1
    return ids, mask, types


def read_batch(model: CrossEncoder, pairs: list[PairIds], chunks: int = 3) -> Reading:
    """Shorter and longer pairs run apart, so that little is computed for padding."""
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index].ids))
    size = -(-len(order) // chunks)
    parts = [
        model(*model_inputs([pairs[index] for index in order[start : start + size]]))
        for start in range(0, len(order), size)
    ]
    places = torch.tensor(order).argsort()
    return Reading(*(torch.cat(part)[places] for part in zip(*parts, strict=True)))


def group_loss(logits: Tensor, teacher: Tensor, plan: Plan) -> Tensor:
    """logits and teacher are [groups, candidates]; column 0 is the positive."""
    gold = torch.zeros(len(logits), dtype=torch.long)
    listwise = functional.cross_entropy(logits, gold)
    distilled = functional.kl_div(logits.log_softmax(1), teacher.log_softmax(1), log_target=True, reduction="batchmean")
    labels = torch.zeros_like(logits)
    labels[:, 0] = 1
    absolute = functional.binary_cross_entropy_with_logits(logits, labels)
    relative = (1 - plan.teacher_share) * listwise + plan.teacher_share * distilled
    return relative + plan.absolute_share * absolute


def vector_loss(own: Tensor, teacher: Tensor) -> Tensor:
    """One minus the cosine with the teacher's vectors."""
    return (1 - (own * teacher).sum(1)).mean()


def relation_loss(own: Tensor, teacher: Tensor, scale: float) -> Tensor:
    """How far the cosines of all queries with all documents are from the teacher's, as softmaxes [queries, documents]."""
    own, teacher = ((scale * cosines).log_softmax(1) for cosines in (own, teacher))
    return functional.kl_div(own, teacher, log_target=True, reduction="batchmean")


def learning_rate_factor(step: int, plan: Plan) -> float:
    return min(1.0, (step + 1) / plan.warmup_steps, (plan.steps - step) / max(1.0, plan.steps * plan.decay_share))


def create_optimizer(model: CrossEncoder, plan: Plan) -> torch.optim.Optimizer:
    quick = [model.importance.weight, model.head.scales]
    apart = [model.words.weight, *quick]
    body = [parameter for parameter in model.parameters() if not any(parameter is other for other in apart)]
    groups = [
        {"params": body, "peak": plan.learning_rate, "weight_decay": 0.01},
        {"params": [model.words.weight], "peak": plan.words_learning_rate, "weight_decay": 0.0},
        {"params": quick, "peak": plan.head_learning_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, fused=True)


@dataclass(frozen=True)
class TrainingSet:
    queries: list[np.ndarray]
    """Piece ids without specials."""
    documents: list[np.ndarray]
    query_vectors: np.ndarray
    """The teacher's unit vectors [pairs, width]."""
    document_vectors: np.ndarray
    candidates: Candidates
    teacher_logits: Tensor

    def pairs(self, tokenizer: Tokenizer, batch: Batch) -> list[PairIds]:
        return [
            join_pair(tokenizer, self.queries[query], self.documents[self.candidates.passages[query, column]])
            for group in batch.groups
            for query, column in group
        ]

    def vectors(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The teacher's, of each pair's query and document [pairs, width]."""
        rows, columns = np.array(batch.groups).transpose(2, 0, 1).reshape(2, -1)
        wished = (self.query_vectors[rows], self.document_vectors[self.candidates.passages[rows, columns]])
        queries, documents = (torch.from_numpy(part.astype(np.float32)) for part in wished)
        return queries, documents

    def taught_batches(
        self, tokenizer: Tokenizer, plan: Plan
    ) -> Iterator[tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor]]:
        """Inputs of pairs, and the teacher's vectors of both texts."""
        for batch in plan_batches(plan, self.candidates):
            yield model_inputs(self.pairs(tokenizer, batch)), *self.vectors(batch)

    def loss(self, model: CrossEncoder, tokenizer: Tokenizer, batch: Batch, plan: Plan) -> tuple[Tensor, list[float]]:
        """The loss, and its parts: groups, relations, query vectors, document vectors."""
        rows, columns = np.array(batch.groups).transpose(2, 0, 1)
        model.keep = batch.keep
        with reduced_precision():
            reading = read_batch(model, self.pairs(tokenizer, batch))
        queries, documents = self.vectors(batch)
        size = rows.shape[1]
        own = functional.normalize(reading.query.unflatten(0, (-1, size)).mean(1), dim=1) @ reading.document.T
        parts = [
            group_loss(reading.logits.view(rows.shape), self.teacher_logits[rows, columns], plan),
            relation_loss(own, queries[::size] @ documents.T, plan.relation_scale),
            vector_loss(reading.query, queries),
            vector_loss(reading.document, documents),
        ]
        total = parts[0] + plan.relation_share * parts[1] + plan.vector_share * (parts[2] + parts[3])
        return total, [part.item() for part in parts]


def train_reranker(
    model: CrossEncoder, tokenizer: Tokenizer, examples: TrainingSet, plan: Plan, checkpoint: Path
) -> list[list[float]]:
    """Trains in place, from the checkpoint if there is one, and returns the losses of each step."""
    model.train()
    optimizer = create_optimizer(model, plan)
    losses: list[list[float]] = []
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        losses = state["losses"]
        print(f"reranker: taken up after step {len(losses)}", flush=True)
    started = time.monotonic()
    batches = plan_batches(plan, examples.candidates)
    for step, batch in islice(enumerate(batches), len(losses), None):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * learning_rate_factor(step, plan)
        loss, parts = examples.loss(model, tokenizer, batch, plan)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(parts)
        if step % CHECKPOINT_STEPS == CHECKPOINT_STEPS - 1:
            recent = np.mean(losses[-CHECKPOINT_STEPS:], axis=0)
            print(f"step {step + 1}: losses {recent.round(4).tolist()}, {time.monotonic() - started:.0f} s", flush=True)
            states = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses}
            save_checkpoint(checkpoint, states)
    model.eval()
    return losses


def save_checkpoint(path: Path, state: dict) -> None:
    unfinished = path.with_name(f"unfinished-{path.name}")
    torch.save(state, unfinished)
    unfinished.rename(path)
