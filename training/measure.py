"""Measures the shipped files: the int8 ONNX one pair at a time, and the int8 embedder."""

import hashlib
import pickle
import time
from pathlib import Path

from .evaluation_sets import build_dev_task, read_scifact, read_trec_dl21
from .first_stage_weight import fit_first_stage_weight, remember, with_first_stage
from .measure_embedder import measure_dev_retrieval, measure_fusion
from .onnx_scorer import OnnxScorer
from .pairs import Pair
from .rerank_task import RerankTask, measure_reranking
from .shipped_embedder import ShippedEmbedder
from .stages import Stages

DEV_QUERIES = 400
DEV_CANDIDATES = 30
SEED = 7


def file_facts(folder: Path) -> dict[str, dict]:
    return {
        str(file.relative_to(folder)): {
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".md"
    }


def dev_task(dev: list[Pair], pairs: list[Pair], stages: Stages) -> RerankTask:
    """Building it indexes all passages: kept in the work folder."""

    def build(path: Path) -> None:
        task = build_dev_task(dev, pairs, DEV_QUERIES, DEV_CANDIDATES, SEED)
        path.write_bytes(pickle.dumps(task))

    return pickle.loads(stages.make("dev-task.pickle", build).read_bytes())


def measure_models(
    embedder_folder: Path,
    reranker_folder: Path,
    dev: list[Pair],
    pairs: list[Pair],
    evaluation: Path | None,
    stages: Stages,
) -> dict:
    started = time.monotonic()
    scorer = remember(OnnxScorer(reranker_folder).score)
    embedder = ShippedEmbedder(embedder_folder)
    tasks = {"dev": dev_task(dev, pairs, stages)}
    weight = fit_first_stage_weight(tasks["dev"], scorer)
    retrieval = {"dev": measure_dev_retrieval(embedder, dev, pairs)}
    if evaluation is not None:
        scifact = read_scifact(evaluation / "scifact")
        retrieval["scifact"] = measure_fusion(embedder, scifact)
        tasks |= {"trec-dl21": read_trec_dl21(evaluation / "trec-dl21"), "scifact": scifact}
    reranking = {name: measure_reranking(task, scorer) for name, task in tasks.items()}
    combined = {name: measure_reranking(task, with_first_stage(scorer, weight)) for name, task in tasks.items()}
    stages.note_seconds("measuring", time.monotonic() - started)
    return {
        "reranker": reranking,
        "reranker with first stage": {"weight": weight, "sets": combined},
        "embedder": retrieval,
        "files": {folder.name: file_facts(folder) for folder in (embedder_folder, reranker_folder)},
    }
