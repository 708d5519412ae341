"""How much BM25 counts beside the model, chosen once on queries that the model was not trained on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from .cross_encoder import CrossEncoder
from .lexical_match import PieceStatistics, lexical_match, query_mass
from .rerank_task import RerankTask
from .static_embedder import encode_ids
from .train_reranker import QUERY_TOKENS, PairIds, join_pair, model_inputs
from .vocabulary import Vocabulary

MAX_TOKENS = 256
PAIRS_AT_ONCE = 10
WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


@dataclass(frozen=True)
class Blend:
    """logit = the model's own + lexical * BM25 + mass * (the query's inverse frequencies) + bias."""

    lexical: float
    mass: float
    """Below 0: a long query has much BM25 with any candidate. It changes no order, only what the sigmoid says."""
    bias: float

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @staticmethod
    def load(path: Path) -> "Blend":
        return Blend(**json.loads(path.read_text()))


@torch.inference_mode()
def terms_of(model: CrossEncoder, statistics: PieceStatistics, pairs: list[PairIds]) -> Tensor:
    """The model's logit, BM25 and the query's mass, of each pair: [pairs, 3]."""
    ids, mask, types = model_inputs(pairs)
    in_document = (mask * types).float()
    in_query = mask.float() - in_document
    logits = model(ids, mask, types).logits
    lexical = lexical_match(statistics, ids, in_query, in_document)
    return torch.stack([logits, lexical, query_mass(statistics, ids, in_query)], dim=1)


def task_terms(model: CrossEncoder, statistics: PieceStatistics, vocabulary: Vocabulary, task: RerankTask) -> Tensor:
    """The terms of every query's candidates: [queries, candidates, 3]."""
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
    """BM25 gets the weight with the best mean reciprocal rank. Every query must be answered by one of its candidates."""
    labels = torch.tensor(
        [[float(query.grades.get(candidate, 0) > 0) for candidate in query.candidates] for query in task.queries]
    )
    ranks = {weight: reciprocal_ranks(terms[:, :, 0] + weight * terms[:, :, 1], labels) for weight in WEIGHTS}
    for weight, values in ranks.items():
        print(f"lexical {weight}: MRR {values.mean():.4f}, standard error {values.std() / len(values) ** 0.5:.4f}", flush=True)
    lexical = max(ranks, key=lambda weight: ranks[weight].mean())
    return Blend(lexical, *calibrate(terms, labels, lexical))


def reciprocal_ranks(logits: Tensor, labels: Tensor) -> Tensor:
    own = (logits * labels).sum(1, keepdim=True)
    return 1 / (1 + (logits > own).sum(1).float())


def calibrate(terms: Tensor, labels: Tensor, lexical: float) -> list[float]:
    """The weight of the query's mass and the bias that bring the sigmoid closest to the labels, both labels counting
    alike: how many of the candidates are relevant is the first stage's affair."""
    logits = terms[:, :, 0] + lexical * terms[:, :, 1]
    parameters = torch.tensor([-lexical, 0.0], requires_grad=True)
    balance = (1 - labels).sum() / labels.sum()
    minimize(
        [parameters],
        lambda: functional.binary_cross_entropy_with_logits(
            logits + parameters[0] * terms[:, :, 2] + parameters[1], labels, pos_weight=balance
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
