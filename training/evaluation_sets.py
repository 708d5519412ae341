"""Readers of the evaluation sets (measured on, never trained on) and of the development split."""

import csv
import gzip
import json
import random
from collections import defaultdict
from pathlib import Path

import numpy as np

from .bm25 import Bm25Index, best
from .pairs import Pair
from .rerank_task import RerankQuery, RerankTask


def read_json_lines(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_scifact(folder: Path) -> RerankTask:
    documents = {
        row["_id"]: f"{row['title']} {row['text']}".strip() for row in read_json_lines(folder / "corpus.jsonl.gz")
    }
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    with gzip.open(folder / "qrels.tsv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            grades[row["query-id"]][row["corpus-id"]] = int(row["score"])
    candidates: dict[str, list[str]] = defaultdict(list)
    with gzip.open(folder / "bm25-top100.trec.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            query, _, document, *_ = line.split()
            candidates[query].append(document)
    queries = [
        RerankQuery(row["text"], candidates[row["_id"]], grades[row["_id"]])
        for row in read_json_lines(folder / "queries.jsonl.gz")
        if row["_id"] in grades
    ]
    return RerankTask(queries, documents)


def read_trec_dl21(folder: Path) -> RerankTask:
    """The 100 candidates of BM25."""
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    with gzip.open(folder / "qrels.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            query, _, document, grade = line.split()
            grades[query][document] = int(grade)
    documents: dict[str, str] = {}
    queries = []
    for row in read_json_lines(folder / "pool.jsonl.gz"):
        ranked = sorted(
            (candidate for candidate in row["candidates"] if "BM25" in candidate["ranks"]),
            key=lambda candidate: candidate["ranks"]["BM25"],
        )
        documents.update((candidate["docid"], candidate["text"]) for candidate in ranked)
        queries.append(RerankQuery(row["query"], [candidate["docid"] for candidate in ranked], grades[row["qid"]]))
    return RerankTask(queries, documents)


def build_dev_task(dev: list[Pair], pairs: list[Pair], queries: int, candidates: int, seed: int) -> RerankTask:
    """Held-out queries against the passages of all pairs; other passages of the query's own page are left out."""
    corpus = [*dev, *pairs]
    index = Bm25Index([pair.passage for pair in corpus])
    pages = np.array([pair.page for pair in corpus])
    chosen = sorted(random.Random(seed).sample(range(len(dev)), queries))
    tasks = []
    for position in chosen:
        scores = index.scores(dev[position].query)
        siblings = pages == dev[position].page
        siblings[position] = False
        scores[siblings] = -np.inf
        found = [str(row) for row in best(scores, candidates)]
        tasks.append(RerankQuery(dev[position].query, found, {str(position): 1}))
    needed = {document for task in tasks for document in task.candidates}
    return RerankTask(tasks, {document: corpus[int(document)].passage for document in needed})
