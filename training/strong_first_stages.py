"""What the order of a first stage that is stronger than the reranker counts beside it, in one command: see README.md.

Every first stage searches the same passages of the development split: keywords, the shipped embedder, the base model, an embedder that is stronger than the reranker,
blends of them, and blends in which the relevant passage is lifted, for the first stages that are stronger than any at hand.
"""

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .base_model import load_base_model, load_base_tokenizer
from .bm25 import Bm25Index, best
from .first_stage_weight import fit_first_stage_weight, with_first_stage
from .measure import DEV_QUERIES, SEED
from .onnx_scorer import OnnxScorer
from .pairs import Pair, read_pairs
from .rank_fusion import fuse_by_rank
from .rerank_task import RerankQuery, RerankTask, Scorer, bootstrap_interval, judge, rerank_query
from .sentence_vectors import encode_sentences
from .shipped_embedder import ShippedEmbedder
from .stages import Stages
from .strong_embedder import StrongEmbedder

FOUND_BY_EACH = 10
"""Of keywords and of the shipped embedder, which search all passages for those that the others search."""
CANDIDATES = 30
MAX_TOKENS = 128
WEIGHTS = (0.0, 0.67, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


@dataclass(frozen=True)
class Judges:
    """What each says of every passage [queries, passages]; passages of the query's own page, but for its own, have -inf."""

    ids: np.ndarray
    own: list[int]
    """Column of each query's own passage."""
    words: np.ndarray
    shipped: np.ndarray
    base: np.ndarray
    strong: np.ndarray


def judge_passages(corpus: list[Pair], chosen: list[int], shipped: ShippedEmbedder, strong: StrongEmbedder) -> Judges:
    """`corpus` begins with the held-out pairs; `chosen` are positions of those whose queries are asked."""
    queries = [corpus[position].query for position in chosen]
    pages = np.unique([pair.page for pair in corpus], return_inverse=True)[1]
    index = Bm25Index([pair.passage for pair in corpus])
    words = np.stack([index.scores(query) for query in queries])
    alike = shipped.embed(queries) @ shipped.embed([pair.passage for pair in corpus]).T
    for row, position in enumerate(chosen):
        siblings = (pages == pages[position]) & (np.arange(len(corpus)) != position)
        words[row, siblings] = alike[row, siblings] = -np.inf
    found = [best(row, FOUND_BY_EACH) for scores in (words, alike) for row in scores]
    ids = np.unique(np.concatenate([*found, chosen]))
    passages = [corpus[position].passage for position in ids]
    hidden = np.isinf(words[:, ids])
    model, tokenizer = load_base_model(), load_base_tokenizer()
    vectors = [encode_sentences(model, tokenizer, texts, MAX_TOKENS).astype(np.float32) for texts in (queries, passages)]
    cosines = (vectors[0] @ vectors[1].T, strong.queries(queries) @ strong.passages(passages).T)
    own = [int(np.searchsorted(ids, position)) for position in chosen]
    return Judges(ids, own, words[:, ids], alike[:, ids], *(np.where(hidden, -np.inf, scores) for scores in cosines))


def first_stages(judges: Judges, corpus: list[Pair], chosen: list[int]) -> dict[str, RerankTask]:
    words, shipped, base, strong = (rank_all(part) for part in (judges.words, judges.shipped, judges.base, judges.strong))
    blend = standard(judges.base) + standard(judges.strong) + standard(judges.words)
    rankings = {
        "BM25": words,
        "built-in embedder": shipped,
        "BM25 and built-in embedder, 0.2": fuse_all([words, shipped], [1, 0.2]),
        "all-MiniLM-L6-v2": base,
        "BM25 and all-MiniLM-L6-v2": fuse_all([words, base], [1, 1]),
        "e5-small-v2": strong,
        "BM25 and e5-small-v2": fuse_all([words, strong], [1, 1]),
        "both embedders' scores": rank_all(standard(judges.base) + standard(judges.strong)),
        "scores of all three": rank_all(blend),
    }
    for lift in (0.5, 1, 2):
        rankings[f"scores of all three, lifted by {lift}"] = rank_all(lifted(blend, judges.own, lift))
    for lift in (0.5, 1):
        rankings[f"e5-small-v2, lifted by {lift}"] = rank_all(lifted(standard(judges.strong), judges.own, lift))
    documents = {str(column): corpus[position].passage for column, position in enumerate(judges.ids)}

    def task(ranked: list[list[str]]) -> RerankTask:
        asked = zip(chosen, ranked, judges.own, strict=True)
        return RerankTask([RerankQuery(corpus[query].query, found, {str(own): 1}) for query, found, own in asked], documents)

    return {name: task(ranked) for name, ranked in rankings.items()}


def choose_queries(held_out: int, count: int) -> list[int]:
    """Some of the queries that `measure.py` asks."""
    chosen = sorted(random.Random(SEED).sample(range(held_out), DEV_QUERIES))
    random.Random(1).shuffle(chosen)
    return chosen[:count]


def rank_all(scores: np.ndarray) -> list[list[str]]:
    return [[str(column) for column in best(row, CANDIDATES)] for row in scores]


def fuse_all(rankings: list[list[list[str]]], weights: list[float]) -> list[list[str]]:
    return [fuse_by_rank(ranked, weights)[:CANDIDATES] for ranked in zip(*rankings, strict=True)]


def standard(scores: np.ndarray) -> np.ndarray:
    """In deviations from the mean, both of a query's best candidates."""
    top = np.sort(scores, axis=1)[:, -CANDIDATES:]
    return (scores - top.mean(axis=1, keepdims=True)) / top.std(axis=1, keepdims=True)


def lifted(scores: np.ndarray, own: list[int], by: float) -> np.ndarray:
    """With the relevant passage lifted by so many deviations."""
    raised = scores.copy()
    raised[np.arange(len(own)), own] += by
    return raised


def remember_pairs(scorer: Scorer) -> Scorer:
    """The same, but a pair is scored once, whichever first stages find it."""
    known: dict[tuple[str, str], float] = {}

    def score(query: str, documents: list[str]) -> np.ndarray:
        asked = [document for document in documents if (query, document) not in known]
        if asked:
            known.update(zip([(query, document) for document in asked], scorer(query, asked).tolist(), strict=True))
        return np.array([known[query, document] for document in documents])

    return score


def report_lines(tasks: dict[str, RerankTask], scorer: Scorer) -> list[str]:
    lines = [
        "| first stage | nDCG@10 | " + " | ".join(f"{weight:g}" for weight in WEIGHTS) + " | fitted |",
        "|---" * (len(WEIGHTS) + 3) + "|",
    ]
    for name, task in tasks.items():
        first = judge(task, [query.candidates for query in task.queries]).ndcg
        cells = []
        for weight in WEIGHTS:
            combined = with_first_stage(scorer, weight)
            ndcg = judge(task, [rerank_query(task, query, combined) for query in task.queries]).ndcg
            low, high = bootstrap_interval(first, ndcg)
            cells.append(f"{np.mean(ndcg):.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {name} | {np.mean(first):.3f} | {' | '.join(cells)} | {fit_first_stage_weight(task, scorer):.2f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure weights of the first stage's order behind first stages of rising strength.")
    parser.add_argument("--data", type=Path, required=True, help="folder of pairs.jsonl.gz and dev.jsonl.gz")
    parser.add_argument("--strong", type=Path, required=True, help="folder of e5-small-v2 in int8: model.onnx, tokenizer.json")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--queries", type=int, default=240)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dev = read_pairs(arguments.data / "dev.jsonl.gz")
    corpus = [*dev, *read_pairs(arguments.data / "pairs.jsonl.gz")]
    chosen = choose_queries(len(dev), arguments.queries)

    def build(path: Path) -> None:
        shipped = ShippedEmbedder(arguments.models / "embedder-v2")
        judged = judge_passages(corpus, chosen, shipped, StrongEmbedder(arguments.strong, MAX_TOKENS))
        with path.open("wb") as file:
            np.savez(file, **vars(judged))

    with np.load(Stages(arguments.work).make(f"judges-{arguments.queries}.npz", build)) as stored:
        judges = Judges(**{name: stored[name] for name in stored.files})
    scorer = remember_pairs(OnnxScorer(arguments.models / "reranker-v6", threads=arguments.threads).score)
    print("\n".join(report_lines(first_stages(judges, corpus, chosen), scorer)))


if __name__ == "__main__":
    main()
