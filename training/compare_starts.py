"""Compares which layers of the base model to start the reranker from, before any training.

Prints how often the true passage of a training query comes first among seven of its hard negatives.
"""

import argparse
from pathlib import Path

import torch

from .base_model import load_base_model
from .cross_encoder import Shape, center_tokens, start_from_base
from .hard_negatives import load_candidates
from .run import Pipeline
from .stages import Stages
from .train_embedder import EmbedderPlan
from .train_reranker import Plan, encode_pairs

COLUMNS = (0, 1, 2, 3, 9, 10, 11, 17)
"""Of the candidates: the true passage, three by BM25, three by the teacher, one at random."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="the work folder of training.run, with its negatives")
    parser.add_argument("--starts", nargs="+", default=["0,1", "0,1,2", "0,2,4", "0,1,5"])
    parser.add_argument("--queries", type=int, default=100)
    arguments = parser.parse_args()
    candidates = load_candidates(arguments.work / "negatives.npz")
    pipeline = Pipeline(arguments.data, Stages(arguments.work), Shape(()), Plan(steps=0), EmbedderPlan())
    vocabulary, chosen, importance = pipeline.vocabulary, pipeline.chosen, pipeline.importance()
    vocabulary.tokenizer.enable_truncation(96)
    groups = [
        encode_pairs(
            vocabulary.tokenizer,
            [(chosen[query].query, chosen[candidates.passages[query, column]].passage) for column in COLUMNS],
        )
        for query in range(arguments.queries)
    ]
    for start in arguments.starts:
        shape = Shape(tuple(map(int, start.split(","))))
        model = start_from_base(load_base_model(), torch.from_numpy(vocabulary.base_ids), importance, shape).eval()
        center_tokens(model, groups[0])
        with torch.inference_mode():
            first = sum(int(model(*group).argmax()) == 0 for group in groups)
        print(f"layers {start}: true passage first in {first} of {len(groups)}", flush=True)


if __name__ == "__main__":
    main()
