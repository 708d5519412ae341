"""The student: a small BERT that reads query and document together, and a head that starts from matching."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

HEADS = 12


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

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        heads = [self.split(part) for part in (self.query(hidden), self.key(hidden), self.value(hidden))]
        context = functional.scaled_dot_product_attention(*heads, attn_mask=mask)
        context = context.transpose(1, 2).flatten(2)
        attended = self.attended_norm(hidden + self.attended(context))
        return self.outer_norm(attended + self.outer(functional.gelu(self.inner(attended))))

    @staticmethod
    def split(states: Tensor) -> Tensor:
        return states.unflatten(2, (HEADS, -1)).transpose(1, 2)


class Reading(NamedTuple):
    """What the model makes of a batch of pairs."""

    logits: Tensor
    """[batch]"""
    query: Tensor
    """Unit sentence vectors of the queries [batch, width]."""
    document: Tensor


class MatchHead(nn.Module):
    """The logit: how well each query token is matched in the document, how alike both texts are, and what [CLS] says.

    Token vectors have seen both texts. Matches are the maximal cosines of late interaction (ColBERT, Khattab and
    Zaharia 2020), weighted by a learned importance per piece that starts from its inverse frequency. Likeness is the
    cosine of both texts' mean token vectors, much as a sentence encoder computes it, so that a sentence encoder can
    teach it vector by vector. So the head ranks sensibly before any training, and few steps suffice.
    """

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.importance = nn.Embedding(vocabulary, 1)
        self.project = nn.Linear(width, width)
        self.sentence = nn.Linear(width, width)
        self.pooler = nn.Linear(width, width)
        self.classifier = nn.Linear(width, 1)
        self.scales = nn.Parameter(torch.tensor([10.0, 15.0]))

    def forward(self, hidden: Tensor, input_ids: Tensor, in_query: Tensor, in_document: Tensor) -> Reading:
        """Masks are 1.0 where a token belongs to that text, its special tokens included."""
        tokens = functional.normalize(self.project(hidden), dim=2)
        weights = self.importance(input_ids)[:, :, 0] * in_query
        cosines = tokens @ tokens.transpose(1, 2) + (in_document[:, None, :] - 1) * 4
        matched = (weights * cosines.amax(dim=2)).sum(1) / weights.sum(1).clamp(min=1e-6)
        query, document = (self.pool(hidden, input_ids, members) for members in (in_query, in_document))
        alike = (query * document).sum(1)
        first = self.classifier(torch.tanh(self.pooler(hidden[:, 0])))[:, 0]
        return Reading(self.scales[0] * matched + self.scales[1] * alike + first, query, document)

    def pool(self, hidden: Tensor, input_ids: Tensor, members: Tensor) -> Tensor:
        return functional.normalize(self.sentence(self.mean(hidden, input_ids, members)), dim=1)

    def mean(self, hidden: Tensor, input_ids: Tensor, members: Tensor) -> Tensor:
        """The mean token vector of a text, weighted by importance [batch, width]."""
        weights = self.importance(input_ids)[:, :, 0] * members
        return (weights[:, None, :] @ hidden)[:, 0] / weights.sum(1, keepdim=True).clamp(min=1e-6)


class CrossEncoder(nn.Module):
    def __init__(self, vocabulary: int, layers: int, width: int = 384, inner: int = 1536, positions: int = 512) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        self.types = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(width, inner) for _ in range(layers))
        self.head = MatchHead(vocabulary, width)

    def encode(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        positions = self.positions.weight[: input_ids.shape[1]]
        hidden = self.norm(self.words(input_ids) + positions + self.types(token_type_ids))
        mask = attention_mask[:, None, None, :].bool()
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return hidden

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Reading:
        hidden = self.encode(input_ids, attention_mask, token_type_ids)
        in_document = (attention_mask * token_type_ids).float()
        return self.head(hidden, input_ids, attention_mask.float() - in_document, in_document)


@dataclass(frozen=True)
class Shape:
    layers: tuple[int, ...]
    """Which layers of the base model the student starts from, in order."""


def start_from_base(base: BertModel, base_ids: Tensor, importance: Tensor, shape: Shape) -> CrossEncoder:
    """A student with the base model's (pruned) embeddings and the chosen layers; `importance` is one number per piece."""
    student = CrossEncoder(len(base_ids), len(shape.layers))
    embeddings = base.embeddings
    student.words.weight.data.copy_(embeddings.word_embeddings.weight[base_ids])
    student.positions.load_state_dict(embeddings.position_embeddings.state_dict())
    student.types.load_state_dict(embeddings.token_type_embeddings.state_dict())
    student.norm.load_state_dict(embeddings.LayerNorm.state_dict())
    for layer, index in zip(student.layers, shape.layers, strict=True):
        copy_layer(layer, base.encoder.layer[index])
    head = student.head
    head.importance.weight.data.copy_(importance[:, None])
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
    hidden = student.encode(*inputs)
    mask = inputs[1][:, :, None]
    student.head.project.bias.copy_(-(hidden * mask).sum((0, 1)) / mask.sum())


@torch.inference_mode()
def fit_sentences(
    student: CrossEncoder, batches: Iterable[tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor]], penalty: float
) -> None:
    """Sets the `sentence` projection so that, before any training, it comes closest to the teacher's vectors: ridge
    regression over batches of (inputs, the teacher's query vectors, its document vectors)."""
    features, wished = [], []
    for (ids, mask, types), *teacher in batches:
        hidden = student.encode(ids, mask, types)
        in_document = (mask * types).float()
        members = (mask.float() - in_document, in_document)
        features += [student.head.mean(hidden, ids, of) for of in members]
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
