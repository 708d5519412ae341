"""The training pairs: a query, a passage that answers it, and the page it comes from."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    query: str
    passage: str
    source: str
    kind: str
    page: str
    """Hash of the source page. Passages of one page are never negatives of each other."""


def read_pairs(path: Path) -> list[Pair]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Pair(row["q"], row["p"], row["src"], row["kind"], row["doc"]) for row in rows]
