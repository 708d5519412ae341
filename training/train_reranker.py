"""Trains the cross-encoder on groups: a query, its passage, and hard negatives."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from tokenizers import Tokenizer

from .cross_encoder import CrossEncoder
from .hard_negatives import AT_RANDOM, BY_MEANING, BY_WORDS, Candidates
from .pairs import Pair

CHECKPOINT_STEPS = 20


@dataclass(frozen=True)
class Plan:
    steps: int
    groups_per_step: int = 10
    words_negatives: int = 1
    meaning_negatives: int = 1
    random_negatives: int = 1
    max_tokens: int = 96
    long_max_tokens: int = 320
    long_groups_per_step: int = 4
    long_share: float = 0.25
    """Share of the steps with long pairs: documents of up to 512 tokens come at inference."""
    learning_rate: float = 1.5e-4
    head_learning_rate: float = 3e-3
    """Of the piece importances and the two scales, which start far from their best and are few."""
    warmup_steps: int = 20
    decay_share: float = 0.3
    """The learning rate is level, then falls to 0 over this last share of the steps: so a run that was cut short
    can be taken up from its checkpoint with fewer steps."""
    teacher_share: float = 0.5
    absolute_share: float = 0.1
    """Weight of the per-pair loss that keeps the sigmoid of a logit meaningful across queries."""
    seed: int = 7


@dataclass(frozen=True)
class Batch:
    groups: list[list[tuple[int, int]]]
    """(query, column in the candidates); the first of a group is the positive."""
    max_tokens: int


def plan_batches(plan: Plan, candidates: Candidates) -> Iterator[Batch]:
    generator = random.Random(plan.seed)
    queue: list[int] = []
    words = range(1, 1 + BY_WORDS)
    meaning = range(1 + BY_WORDS, 1 + BY_WORDS + BY_MEANING)
    anything = range(1 + BY_WORDS + BY_MEANING, 1 + BY_WORDS + BY_MEANING + AT_RANDOM)
    for _ in range(plan.steps):
        is_long = generator.random() < plan.long_share
        groups = []
        for _ in range(plan.long_groups_per_step if is_long else plan.groups_per_step):
            if not queue:
                queue = list(range(len(candidates.passages)))
                generator.shuffle(queue)
            columns = [
                0,
                *generator.sample(words, plan.words_negatives),
                *generator.sample(meaning, plan.meaning_negatives),
                *generator.sample(anything, plan.random_negatives),
            ]
            query = queue.pop()
            groups.append([(query, column) for column in columns])
        yield Batch(groups, plan.long_max_tokens if is_long else plan.max_tokens)


def pad(encodings: list, attribute: str, width: int) -> Tensor:
    rows = [getattr(encoding, attribute) for encoding in encodings]
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


def model_inputs(encodings: list) -> tuple[Tensor, Tensor, Tensor]:
    width = max(len(encoding.ids) for encoding in encodings)
    ids, mask, types = (pad(encodings, name, width) for name in ("ids", "attention_mask", "type_ids"))
    return ids, mask, types


def encode_pairs(tokenizer: Tokenizer, texts: list[tuple[str, str]]) -> tuple[Tensor, Tensor, Tensor]:
    return model_inputs(tokenizer.encode_batch(texts))


def score_texts(model: CrossEncoder, tokenizer: Tokenizer, texts: list[tuple[str, str]], chunks: int = 3) -> Tensor:
    """Logits of pairs; shorter and longer pairs run apart, so that little is computed for padding."""
    encodings = tokenizer.encode_batch(texts)
    order = sorted(range(len(texts)), key=lambda index: len(encodings[index].ids))
    size = -(-len(order) // chunks)
    logits = [
        model(*model_inputs([encodings[index] for index in order[start : start + size]]))
        for start in range(0, len(order), size)
    ]
    places = torch.empty(len(order), dtype=torch.long)
    places[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(logits)[places]


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


def learning_rate_factor(step: int, plan: Plan) -> float:
    return min(1.0, (step + 1) / plan.warmup_steps, (plan.steps - step) / max(1.0, plan.steps * plan.decay_share))


def create_optimizer(model: CrossEncoder, plan: Plan) -> torch.optim.Optimizer:
    """Word vectors stay as they are: the pairs hold too few words."""
    model.words.weight.requires_grad_(False)
    quick = [model.head.importance.weight, model.head.scales]
    slow = [
        parameter
        for parameter in model.parameters()
        if parameter.requires_grad and not any(parameter is other for other in quick)
    ]
    groups = [
        {"params": slow, "lr": plan.learning_rate, "weight_decay": 0.01},
        {"params": quick, "lr": plan.head_learning_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups)


@dataclass(frozen=True)
class TrainingSet:
    pairs: list[Pair]
    candidates: Candidates
    teacher_logits: Tensor

    def texts(self, batch: Batch) -> list[tuple[str, str]]:
        return [
            (self.pairs[query].query, self.pairs[self.candidates.passages[query, column]].passage)
            for group in batch.groups
            for query, column in group
        ]

    def loss(self, model: CrossEncoder, tokenizer: Tokenizer, batch: Batch, plan: Plan) -> Tensor:
        tokenizer.enable_truncation(batch.max_tokens, strategy="longest_first")
        rows, columns = torch.tensor(batch.groups).unbind(dim=2)
        logits = score_texts(model, tokenizer, self.texts(batch)).view(rows.shape)
        return group_loss(logits, self.teacher_logits[rows, columns], plan)


def train_reranker(
    model: CrossEncoder, tokenizer: Tokenizer, examples: TrainingSet, plan: Plan, checkpoint: Path
) -> list[float]:
    """Trains in place, from the checkpoint if there is one, and returns the loss of each step."""
    model.train()
    optimizer = create_optimizer(model, plan)
    losses: list[float] = []
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        losses = state["losses"]
        print(f"reranker: taken up after step {len(losses)}", flush=True)
    started = time.monotonic()
    for step, batch in islice(enumerate(plan_batches(plan, examples.candidates)), len(losses), None):
        factor = learning_rate_factor(step, plan)
        for group, rate in zip(optimizer.param_groups, (plan.learning_rate, plan.head_learning_rate), strict=True):
            group["lr"] = rate * factor
        loss = examples.loss(model, tokenizer, batch, plan)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % CHECKPOINT_STEPS == CHECKPOINT_STEPS - 1:
            recent = sum(losses[-CHECKPOINT_STEPS:]) / CHECKPOINT_STEPS
            print(f"step {step + 1}: loss {recent:.4f}, {time.monotonic() - started:.0f} s", flush=True)
            states = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses}
            save_checkpoint(checkpoint, states)
    tokenizer.no_truncation()
    model.eval()
    return losses


def save_checkpoint(path: Path, state: dict) -> None:
    unfinished = path.with_name(f"unfinished-{path.name}")
    torch.save(state, unfinished)
    unfinished.rename(path)
