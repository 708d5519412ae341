"""The whole pipeline in one command: see README.md."""

import argparse
import json
import pickle
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from .base_model import load_base_model, load_base_tokenizer
from .blend import Blend, fit_blend, task_terms
from .cross_encoder import SHIPPED, CrossEncoder, Shape, center_tokens, fit_sentences, start_from_base
from .evaluation_sets import build_dev_task
from .export_embedder import export_embedder
from .export_reranker import export_reranker
from .hard_negatives import Candidates, load_candidates, mine_negatives, save_candidates
from .lexical_match import PieceStatistics, count_pieces
from .measure import measure_models
from .pairs import Pair, read_pairs
from .precision import reduced_precision
from .prune_feed_forward import prune_feed_forward
from .report import render_report
from .rerank_task import RerankTask
from .sentence_vectors import encode_sentences
from .shipped_reranker import read_shipped_reranker
from .stages import Stages
from .static_embedder import StaticEmbedder, distil_pieces, encode_ids, frequency_weights
from .teacher import fit_teacher
from .train_embedder import EmbedderPairs, EmbedderPlan, contrast, distil
from .train_reranker import (
    DOCUMENT_TOKENS,
    QUERY_TOKENS,
    Plan,
    TrainingSet,
    train_reranker,
)
from .training_set import choose_pairs
from .vocabulary import SPECIAL_TOKENS, Vocabulary, build_vocabulary, read_vocabulary

SEED = 7
VOCABULARY_SIZE = 27_000
QUESTIONS_PER_SOURCE = 4000
OTHERS_PER_SOURCE = 400
MINED_QUERIES = 24_000
BLEND_QUERIES = 600
BLEND_CANDIDATES = 30
PIECE_STATISTICS_TOKENS = 512
START_BATCHES = 200
"""Of pairs and the teacher's vectors, to fit the start of the reranker on."""
PRUNING_BATCHES = 30
START_PENALTY = 0.02


@dataclass
class Pipeline:
    data: Path
    stages: Stages
    shape: Shape
    plan: Plan
    embedder_plan: EmbedderPlan
    begin_with: Path | None = None
    """A shipped reranker whose training goes on, instead of the base model."""

    @cached_property
    def pairs(self) -> list[Pair]:
        return read_pairs(self.data / "pairs.jsonl.gz")

    @cached_property
    def chosen(self) -> list[Pair]:
        return choose_pairs(self.pairs, QUESTIONS_PER_SOURCE, OTHERS_PER_SOURCE, SEED)

    @cached_property
    def tokenizer_file(self) -> Path:
        return self.stages.make("tokenizer.json", lambda path: build_vocabulary(self.pairs, VOCABULARY_SIZE, path))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return read_vocabulary(self.tokenizer_file)

    def teacher_vectors(self, part: str, max_tokens: int) -> np.ndarray:
        def build(path: Path) -> None:
            texts = [getattr(pair, part) for pair in self.chosen]
            vectors = encode_sentences(load_base_model(), load_base_tokenizer(), texts, max_tokens)
            with path.open("wb") as file:
                np.save(file, vectors)

        return np.load(self.stages.make(f"{part}-vectors.npy", build))

    @cached_property
    def query_vectors(self) -> np.ndarray:
        return self.teacher_vectors("query", QUERY_TOKENS + 2)

    @cached_property
    def passage_vectors(self) -> np.ndarray:
        return self.teacher_vectors("passage", DOCUMENT_TOKENS + 2)

    def embedder(self) -> np.ndarray:
        return np.load(self.stages.make("embedder.npy", self.train_embedder))

    def train_embedder(self, path: Path) -> None:
        plan = self.embedder_plan
        torch.manual_seed(plan.seed)
        queries = encode_ids(self.vocabulary, [pair.query for pair in self.pairs], plan.max_tokens)
        passages = encode_ids(self.vocabulary, [pair.passage for pair in self.pairs], plan.max_tokens)
        model = StaticEmbedder(distil_pieces(load_base_model(), self.vocabulary, passages, plan.dimensions))
        taught = [(DOCUMENT_TOKENS, [pair.passage for pair in self.chosen]), (QUERY_TOKENS, [pair.query for pair in self.chosen])]
        texts = [ids for limit, part in taught for ids in encode_ids(self.vocabulary, part, limit)]
        vectors = np.concatenate([self.passage_vectors, self.query_vectors])
        distil(model, texts, vectors, plan)
        pages = np.unique([pair.page for pair in self.pairs], return_inverse=True)[1]
        contrast(model, EmbedderPairs(queries, passages, pages, texts, vectors), plan)
        with path.open("wb") as file:
            np.save(file, model.bag.weight.detach().numpy())

    def reranker(self) -> CrossEncoder:
        return self.load(self.stages.make("reranker.pt", self.train_reranker)).eval()

    def load(self, state: Path) -> CrossEncoder:
        model = CrossEncoder(len(self.vocabulary.base_ids), len(self.shape.layers), inner=self.shape.inner)
        model.load_state_dict(torch.load(state))
        return model

    @cached_property
    def candidates(self) -> Candidates:
        def mine(target: Path) -> None:
            with target.open("wb") as file:
                save_candidates(
                    mine_negatives(self.chosen, self.query_vectors, self.passage_vectors, MINED_QUERIES, SEED), file
                )

        return load_candidates(self.stages.make("negatives.npz", mine))

    def examples(self) -> TrainingSet:
        teacher = fit_teacher(self.candidates)
        print(teacher, flush=True)
        return TrainingSet(
            encode_ids(self.vocabulary, [pair.query for pair in self.chosen], QUERY_TOKENS),
            encode_ids(self.vocabulary, [pair.passage for pair in self.chosen], DOCUMENT_TOKENS),
            self.query_vectors,
            self.passage_vectors,
            self.candidates,
            teacher.logits(self.candidates),
        )

    def train_reranker(self, path: Path) -> None:
        examples = self.examples()
        if self.begin_with is None:
            model = self.load(self.stages.make("start.pt", lambda start: self.start(examples, start)))
        else:
            model = read_shipped_reranker(self.begin_with)
        tokenizer = self.vocabulary.tokenizer
        train_reranker(model, tokenizer, examples, self.plan, self.stages.work / "reranker-checkpoint.pt")
        torch.save(model.state_dict(), path)

    def start(self, examples: TrainingSet, path: Path) -> None:
        """What the reranker is before the first step."""
        torch.manual_seed(SEED)
        base_ids = torch.from_numpy(self.vocabulary.base_ids)
        model = start_from_base(load_base_model(), base_ids, self.importance(), self.shape.layers).eval()
        batches = list(examples.taught_batches(self.vocabulary.tokenizer, Plan(steps=START_BATCHES)))
        with reduced_precision():
            center_tokens(model, batches[0][0])
            prune_feed_forward(model, [inputs for inputs, *_ in batches[:PRUNING_BATCHES]], self.shape.inner)
            fit_sentences(model, batches, START_PENALTY)
        torch.save(model.state_dict(), path)

    @cached_property
    def statistics(self) -> PieceStatistics:
        ids = encode_ids(self.vocabulary, [pair.passage for pair in self.pairs], PIECE_STATISTICS_TOKENS)
        special = [self.vocabulary.tokenizer.token_to_id(token) for token in SPECIAL_TOKENS]
        return count_pieces(ids, len(self.vocabulary.base_ids), special)

    def blend(self) -> Blend:
        def fit(path: Path) -> None:
            task = self.unseen_task
            fit_blend(task_terms(self.reranker(), self.statistics, self.vocabulary, task), task).save(path)

        return Blend.load(self.stages.make("blend.json", fit))

    @cached_property
    def unseen_task(self) -> RerankTask:
        """Training queries for which no negatives were mined, so that the model never saw them."""

        def build(path: Path) -> None:
            task = build_dev_task(self.chosen[MINED_QUERIES:], self.pairs, BLEND_QUERIES, BLEND_CANDIDATES, SEED)
            answered = [query for query in task.queries if query.is_answered]
            path.write_bytes(pickle.dumps(RerankTask(answered, task.documents)))

        return pickle.loads(self.stages.make("unseen-task.pickle", build).read_bytes())

    def importance(self) -> torch.Tensor:
        """Where the reranker's piece importances start: inverse frequency, and 0 for special tokens."""
        ids = encode_ids(self.vocabulary, [pair.passage for pair in self.chosen], 256)
        weights = frequency_weights(ids, len(self.vocabulary.base_ids))
        for token in SPECIAL_TOKENS:
            if token != "[UNK]":
                weights[self.vocabulary.tokenizer.token_to_id(token)] = 0
        return torch.tensor(weights, dtype=torch.float32)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make the two built-in models and measure them.")
    parser.add_argument("--data", type=Path, required=True, help="folder of pairs.jsonl.gz and dev.jsonl.gz")
    parser.add_argument("--eval", type=Path, help="folder of scifact/ and trec-dl21/: measured on, never trained on")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the model folders go")
    parser.add_argument("--embedder", default="embedder-v2", help="name of its folder, and its id")
    parser.add_argument("--reranker", default="reranker-v6", help="name of its folder")
    parser.add_argument("--layers", default="0,1,2,3,4,5", help="layers of the base model that the reranker starts from")
    parser.add_argument("--inner", type=int, default=768, help="neurons that are left of its feed-forward parts")
    parser.add_argument("--steps", type=int, default=5200, help="training steps of the reranker")
    parser.add_argument("--learning-rate", type=float, default=Plan.learning_rate, help="its peak, of the reranker's body")
    parser.add_argument("--begin-with", type=Path, help="folder of a shipped reranker to go on from, instead of the base model")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    pipeline = Pipeline(
        arguments.data,
        Stages(arguments.work),
        Shape(tuple(map(int, arguments.layers.split(","))), arguments.inner),
        Plan(steps=arguments.steps, learning_rate=arguments.learning_rate),
        EmbedderPlan(),
        arguments.begin_with,
    )
    embedder, reranker = (arguments.models / name for name in (arguments.embedder, arguments.reranker))
    export_embedder(pipeline.embedder(), pipeline.tokenizer_file, embedder)
    export_reranker(
        pipeline.reranker(), pipeline.statistics, pipeline.blend(), pipeline.tokenizer_file, reranker
    )
    dev = read_pairs(arguments.data / "dev.jsonl.gz")
    results = measure_models(embedder, reranker, dev, pipeline.pairs, arguments.eval, pipeline.stages)
    results["settings"] = {
        "shape": asdict(pipeline.shape) | {"shipped": asdict(SHIPPED)},
        "reranker": asdict(pipeline.plan),
        "embedder": asdict(pipeline.embedder_plan),
    }
    results["seconds"] = pipeline.stages.seconds()
    (arguments.work / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (arguments.work / "RESULTS.md").write_text(render_report(results))


if __name__ == "__main__":
    main()
