"""The student: a BERT that reads query and document in one run, thinned out, and a head that starts from matching.

Every layer of the base model is kept, because what a sentence encoder knows sits in its depth: the first two layers alone
come far less close to it than all six on few tokens (RESULTS.md). Time is saved in width instead. After the first layer's
attention only the query's tokens and the document's most important ones go on (as PoWER-BERT, Goyal et al. 2020, drops
word vectors), and the feed-forward parts lose half of their neurons (prune_feed_forward.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

HEADS = 12
WORD_LEVELS = 7
"""Word vectors are kept in 4 bits: whole multiples, from -7 to 7, of one scale for each piece."""
PADDING, FIRST, QUERY, DOCUMENT = range(4)
"""Segments. FIRST is the [CLS] token of the document, which reads both texts; the query's own is one of its tokens."""
RANKS = (-1000.0, 2000.0, 1000.0, 0.0)
"""What puts the tokens of each segment in front of another's; a document's stand in the order of their importance."""


@dataclass(frozen=True)
class Keep:
    """How much of a document of n tokens goes on after the first layer: `percent` of n - `uncounted`, rounded up, or the smaller
    of n and `at_least` where that is more. So a short document gives up a larger part than a long one."""

    percent: int
    at_least: int
    uncounted: int = 0


MATCH_BONUS = 1.0
"""A document's token that the query has too is this much more important."""
TRAINED = (Keep(30, 20), Keep(45, 30), Keep(50, 44))
"""Each step takes one of these: what is trained on several ranks well with each, so that what ships is chosen by measuring."""
SHIPPED = Keep(50, 24, uncounted=20)


class Layer(nn.Module):
    """One BERT encoder layer (post-norm); parameters are named as in transformers' BertLayer."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.attended = nn.Linear(width, width)
        self.attended_norm = nn.LayerNorm(width, eps=1e-12)
        self.inner = nn.Linear(width, inner)
        self.outer = nn.Linear(inner, width)
        self.outer_norm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, rows: Tensor, hidden: Tensor, mask: Tensor) -> Tensor:
        """New states of `rows`, which attend to `hidden`."""
        queries, keys, values = (self.split(part) for part in (self.query(rows), self.key(hidden), self.value(hidden)))
        # Written out: the backward pass of PyTorch's fused attention took a third of a step in bf16. These products
        # take a tenth, masking and softmax another.
        likeness = queries @ keys.transpose(2, 3) / queries.shape[3] ** 0.5
        shares = likeness.masked_fill(~mask, float("-inf")).softmax(3)
        context = (shares.to(values.dtype) @ values).transpose(1, 2).flatten(2)
        attended = self.attended_norm(rows + self.attended(context))
        return self.outer_norm(attended + self.outer(functional.gelu(self.inner(attended))))

    @staticmethod
    def split(states: Tensor) -> Tensor:
        return states.unflatten(2, (HEADS, -1)).transpose(1, 2)


class Reading(NamedTuple):
    """What the model makes of a batch of pairs."""

    terms: Tensor
    """What the logit is the sum of: matches, likeness, what [CLS] says [batch, 3]."""
    query: Tensor
    """Unit sentence vectors of the queries [batch, width]."""
    document: Tensor

    @property
    def logits(self) -> Tensor:
        """[batch]"""
        return self.terms.sum(1)


class Kept(NamedTuple):
    """The tokens that go on after the first layer."""

    first: Tensor
    """States after the first layer [batch, kept, width]."""
    last: Tensor
    """States after the last layer [batch, kept, width]."""
    segments: Tensor
    """[batch, kept]"""
    importance: Tensor
    """[batch, kept]"""


class MatchHead(nn.Module):
    """The logit: how well each query token is matched in the document, how alike both texts are, and what [CLS] says.

    Matches are the maximal cosines of late interaction (ColBERT, Khattab and Zaharia 2020) between the first layer's
    vectors, weighted by a learned importance per piece that starts from its inverse frequency. Likeness is the cosine of
    both texts' mean token vectors, much as a sentence encoder computes it, so that a sentence encoder can teach it vector
    by vector. So the head ranks sensibly before any training, and few steps suffice.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)
        self.sentence = nn.Linear(width, width)
        self.pooler = nn.Linear(width, width)
        self.classifier = nn.Linear(width, 1)
        self.scales = nn.Parameter(torch.tensor([10.0, 15.0]))

    def forward(self, kept: Kept) -> Reading:
        tokens = functional.normalize(self.project(kept.first), dim=2)
        in_document = (kept.segments == DOCUMENT).float()
        weights = kept.importance * (kept.segments == QUERY)
        cosines = tokens @ tokens.transpose(1, 2) + (in_document[:, None, :] - 1) * 4
        matched = (weights * cosines.amax(dim=2)).sum(1) / weights.sum(1).clamp(min=1e-6)
        query, document = (functional.normalize(self.sentence(mean), dim=1) for mean in self.means(kept))
        alike = (query * document).sum(1)
        first = self.classifier(torch.tanh(self.pooler(kept.last[:, 0])))[:, 0]
        terms = torch.stack([self.scales[0] * matched, self.scales[1] * alike, first], dim=1)
        return Reading(terms, query, document)

    @staticmethod
    def means(kept: Kept) -> list[Tensor]:
        """The mean vector of the query's tokens, its [CLS] among them, and that of the document's, weighted by importance:
        two of [batch, width]."""
        shares = (
            (kept.segments == QUERY).float(),
            kept.importance * (kept.segments == DOCUMENT),
        )
        return [
            (share[:, None, :] @ kept.last)[:, 0] / share.sum(1, keepdim=True).clamp(min=1e-6) for share in shares
        ]


class CrossEncoder(nn.Module):
    def __init__(self, vocabulary: int, layers: int, width: int = 384, inner: int = 1536, positions: int = 512) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        self.importance = nn.Embedding(vocabulary, 1)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(width, inner) for _ in range(layers))
        self.head = MatchHead(width)
        self.keep = SHIPPED

    def embed(self, input_ids: Tensor, segments: Tensor) -> Tensor:
        """Positions of both texts begin at their own [CLS], as if each were read alone."""
        order = torch.arange(input_ids.shape[1])[None]
        query_length = (segments == QUERY).sum(1, keepdim=True)
        places = torch.where(segments == DOCUMENT, order - query_length, (order - 1).clamp(min=0))
        return self.norm(round_words(self.words(input_ids)) + self.positions(places))

    def encode(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Kept:
        input_ids, segments = add_first(input_ids, attention_mask * (QUERY + token_type_ids))
        importance = self.importance(input_ids)[:, :, 0]
        wanted = importance.detach() * (1 + MATCH_BONUS * in_both(input_ids, segments))
        chosen, kept_segments = choose_tokens(segments, wanted, self.keep)
        hidden = self.embed(input_ids, segments)
        rows = hidden.gather(1, chosen[:, :, None].expand(-1, -1, hidden.shape[2]))
        first = hidden = self.layers[0](rows, hidden, attention_of(kept_segments, segments))
        mask = attention_of(kept_segments, kept_segments)
        for layer in self.layers[1:]:
            hidden = layer(hidden, hidden, mask)
        return Kept(first, hidden, kept_segments, importance.gather(1, chosen))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Reading:
        kept = self.encode(input_ids, attention_mask, token_type_ids)
        with torch.autocast("cpu", enabled=False):  # cosines need more digits than bf16 has
            return self.head(kept._replace(first=kept.first.float(), last=kept.last.float()))


def round_words(rows: Tensor) -> Tensor:
    """What 4 bits leave of word vectors; the gradient passes as if nothing were rounded."""
    scale = rows.detach().abs().amax(2, keepdim=True).clamp(min=1e-12) / WORD_LEVELS
    return rows + ((rows / scale).round() * scale - rows).detach()


def add_first(input_ids: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
    """Ids and segments of `[CLS] query [SEP] document [SEP]` with the document's [CLS] in front."""
    first = functional.pad(segments, (1, 0), value=FIRST)
    return torch.cat([input_ids[:, :1], input_ids], dim=1), first


def in_both(input_ids: Tensor, segments: Tensor) -> Tensor:
    """Whether a token's piece is one of the query's: bool [batch, sequence]."""
    same = input_ids[:, :, None] == input_ids[:, None, :]
    return (same & (segments == QUERY)[:, None, :]).any(2)


def choose_tokens(segments: Tensor, importance: Tensor, keep: Keep) -> tuple[Tensor, Tensor]:
    """Which tokens go on, the document's [CLS] first, and their segments; rows with fewer than the longest one end in
    padding."""
    document_length = (segments == DOCUMENT).sum(1, keepdim=True)
    query_length = (segments == QUERY).sum(1, keepdim=True)
    share = ((document_length - keep.uncounted) * keep.percent + 99) // 100
    kept = 1 + query_length + torch.maximum(share, document_length.clamp(max=keep.at_least))
    rank = torch.tensor(RANKS)[segments] + importance * (segments == DOCUMENT)
    chosen = torch.argsort(rank, dim=1, descending=True, stable=True)[:, : int(kept.max())]
    inside = torch.arange(chosen.shape[1])[None] < kept
    return chosen, segments.gather(1, chosen) * inside


def attention_of(rows: Tensor, columns: Tensor) -> Tensor:
    """Which columns a row sees [batch, 1, rows, columns]. Each text attends to itself; the document's [CLS] is part of it and
    attends to the query too. So what is made of a query is the same whatever document it is read with. Padding sees [CLS]:
    a softmax over nothing is no number."""
    rows, columns = rows[:, :, None], columns[:, None, :]
    with_first = (rows != QUERY) & (columns == FIRST)
    return (((rows == columns) | with_first | (rows == FIRST)) & (columns != PADDING))[:, None]


@dataclass(frozen=True)
class Shape:
    layers: tuple[int, ...]
    """Which layers of the base model the student starts from, in order."""
    inner: int
    """Neurons that are left of each feed-forward part."""


def start_from_base(base: BertModel, base_ids: Tensor, importance: Tensor, layers: tuple[int, ...]) -> CrossEncoder:
    """A student with the base model's (pruned) embeddings and the chosen layers; `importance` is one number per piece."""
    student = CrossEncoder(len(base_ids), len(layers))
    embeddings = base.embeddings
    student.words.weight.data.copy_(embeddings.word_embeddings.weight[base_ids])
    student.positions.weight.data.copy_(embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0])
    student.norm.load_state_dict(embeddings.LayerNorm.state_dict())
    for layer, index in zip(student.layers, layers, strict=True):
        copy_layer(layer, base.encoder.layer[index])
    student.importance.weight.data.copy_(importance[:, None])
    head = student.head
    nn.init.eye_(head.project.weight)
    nn.init.zeros_(head.project.bias)
    nn.init.normal_(head.pooler.weight, std=0.02)
    nn.init.zeros_(head.pooler.bias)
    nn.init.zeros_(head.classifier.weight)
    nn.init.zeros_(head.classifier.bias)
    return student


@torch.inference_mode()
def center_tokens(student: CrossEncoder, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    """Sets the projection's bias so that the mean token vector is 0: cosines then tell tokens apart."""
    kept = student.encode(*inputs)
    inside = (kept.segments != PADDING)[:, :, None]
    student.head.project.bias.copy_(-(kept.first * inside).sum((0, 1)) / inside.sum())


@torch.inference_mode()
def fit_sentences(
    student: CrossEncoder, batches: Iterable[tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor]], penalty: float
) -> None:
    """Sets the `sentence` projection so that, before any training, it comes closest to the teacher's vectors: ridge
    regression over batches of (inputs, the teacher's query vectors, its document vectors)."""
    features, wished = [], []
    for inputs, *teacher in batches:
        kept = student.encode(*inputs)
        features += student.head.means(kept._replace(last=kept.last.float()))
        wished += teacher
    inputs, outputs = torch.cat(features), torch.cat(wished)
    center, mean = inputs.mean(0), outputs.mean(0)
    spread = (inputs - center).T @ (inputs - center)
    lift = penalty * spread.diagonal().mean() * torch.eye(len(spread))
    weight = torch.linalg.solve(spread + lift, (inputs - center).T @ (outputs - mean)).T
    student.head.sentence.weight.copy_(weight)
    student.head.sentence.bias.copy_(mean - weight @ center)


def copy_layer(layer: Layer, source: nn.Module) -> None:
    attention = source.attention
    for target, origin in (
        (layer.query, attention.self.query),
        (layer.key, attention.self.key),
        (layer.value, attention.self.value),
        (layer.attended, attention.output.dense),
        (layer.attended_norm, attention.output.LayerNorm),
        (layer.inner, source.intermediate.dense),
        (layer.outer, source.output.dense),
        (layer.outer_norm, source.output.LayerNorm),
    ):
        target.load_state_dict(origin.state_dict())
