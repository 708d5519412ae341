"""How the terms of the logit and BM25 are weighed, chosen once on queries that the model was not trained on.

Training sees its own groups again and again and trusts the terms that tell these apart; what is new weighs them otherwise.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from .cross_encoder import CrossEncoder
from .lexical_match import PieceStatistics, lexical_match, query_mass
from .precision import reduced_precision
from .rerank_task import RerankTask
from .static_embedder import encode_ids
from .train_reranker import QUERY_TOKENS, PairIds, join_pair, model_inputs
from .vocabulary import Vocabulary

MAX_TOKENS = 256
PAIRS_AT_ONCE = 10


@dataclass(frozen=True)
class Blend:
    """logit = the model's three terms and BM25, each times its weight, + mass * (the query's inverse frequencies) + bias."""

    matched: float
    alike: float
    first: float
    lexical: float
    mass: float
    """Below 0: a long query has much BM25 with any candidate. It changes no order, only what the sigmoid says."""
    bias: float

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @staticmethod
    def load(path: Path) -> "Blend":
        return Blend(**json.loads(path.read_text()))

    def logits(self, terms: Tensor) -> Tensor:
        """Of what `terms_of` returns."""
        weights = torch.tensor([self.matched, self.alike, self.first, self.lexical, self.mass])
        return terms @ weights + self.bias


@torch.no_grad()
def terms_of(model: CrossEncoder, statistics: PieceStatistics, pairs: list[PairIds]) -> Tensor:
    """The model's three terms, BM25 and the query's mass, of each pair: [pairs, 5]."""
    ids, mask, types = model_inputs(pairs)
    in_document = (mask * types).float()
    in_query = mask.float() - in_document
    lexical = lexical_match(statistics, ids, in_query, in_document)
    rest = torch.stack([lexical, query_mass(statistics, ids, in_query)], dim=1)
    with reduced_precision():
        terms = model(ids, mask, types).terms
    return torch.cat([terms, rest], dim=1)


def task_terms(model: CrossEncoder, statistics: PieceStatistics, vocabulary: Vocabulary, task: RerankTask) -> Tensor:
    """The terms of every query's candidates: [queries, candidates, 5]."""
    rows = []
    for query in task.queries:
        (asked,) = encode_ids(vocabulary, [query.text], QUERY_TOKENS)
        found = encode_ids(vocabulary, [task.documents[candidate] for candidate in query.candidates], MAX_TOKENS)
        pairs = [join_pair(vocabulary.tokenizer, asked, document) for document in found]
        order = sorted(range(len(pairs)), key=lambda index: len(pairs[index].ids))
        parts = [
            terms_of(model, statistics, [pairs[index] for index in order[start : start + PAIRS_AT_ONCE]])
            for start in range(0, len(order), PAIRS_AT_ONCE)
        ]
        rows.append(torch.cat(parts)[torch.tensor(order).argsort()])
    return torch.stack(rows)


def fit_blend(terms: Tensor, task: RerankTask) -> Blend:
    """The weights of a conditional logit: a softmax over a query's candidates best predicts the true passage. Every query
    must be answered by one of its candidates. Then what brings the sigmoid closest to the labels, the order being fixed."""
    labels = torch.tensor(
        [[float(query.grades.get(candidate, 0) > 0) for candidate in query.candidates] for query in task.queries]
    )
    weights = torch.tensor([1.0, 1.0, 1.0, 0.0], requires_grad=True)
    minimize([weights], lambda: -((terms[:, :, :4] @ weights).log_softmax(1) * labels).sum(1).mean())
    logits = terms[:, :, :4] @ weights.detach()
    for name, values in (("as trained", terms[:, :, :3].sum(2)), ("blended", logits)):
        ranks = reciprocal_ranks(values, labels)
        print(f"{name}: MRR {ranks.mean():.4f}, standard error {ranks.std() / len(ranks) ** 0.5:.4f}", flush=True)
    return Blend(*weights.tolist(), *calibrate(logits, terms[:, :, 4], labels, weights[3].item()))


def reciprocal_ranks(logits: Tensor, labels: Tensor) -> Tensor:
    own = (logits * labels).sum(1, keepdim=True)
    return 1 / (1 + (logits > own).sum(1).float())


def calibrate(logits: Tensor, mass: Tensor, labels: Tensor, lexical: float) -> list[float]:
    """The weight of the query's mass and the bias that bring the sigmoid closest to the labels, both labels counting
    alike: how many of the candidates are relevant is the first stage's affair."""
    parameters = torch.tensor([-lexical, 0.0], requires_grad=True)
    balance = (1 - labels).sum() / labels.sum()
    minimize(
        [parameters],
        lambda: functional.binary_cross_entropy_with_logits(
            logits + parameters[0] * mass + parameters[1], labels, pos_weight=balance
        ),
    )
    return parameters.tolist()


def minimize(parameters: list[Tensor], value_of) -> None:
    optimizer = torch.optim.LBFGS(parameters, max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        value = value_of()
        value.backward()
        return value

    optimizer.step(step)
