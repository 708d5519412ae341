"""A smaller WordPiece vocabulary: the pieces worth their bytes, in the order of the base model."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tokenizers import Tokenizer

from .base_model import base_folder, load_base_tokenizer
from .pairs import Pair

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# The base vocabulary is ordered by frequency in general prose: its head is kept whatever the pairs say.
GENERAL_HEAD = 11_000


@dataclass(frozen=True)
class Vocabulary:
    tokenizer: Tokenizer
    base_ids: np.ndarray
    """base_ids[i] is the id that piece i has in the base model."""


def is_kept_character(piece: str) -> bool:
    """Single characters of the Latin, Greek, Cyrillic, Hebrew and Arabic ranges, and symbols."""
    character = piece.removeprefix("##")
    return len(character) == 1 and (ord(character) < 0x0700 or 0x1E00 <= ord(character) < 0x2C00)


def choose_pieces(counts: Counter[int], pieces: list[str], size: int) -> list[int]:
    kept = {
        index
        for index, piece in enumerate(pieces)
        if piece in SPECIAL_TOKENS
        or is_kept_character(piece)
        or (index < GENERAL_HEAD and not piece.startswith("[unused") and len(piece) > 1)
    }
    by_use = sorted((-counts[index], index) for index in range(len(pieces)) if index not in kept)
    for negative_count, index in by_use:
        if len(kept) == size:
            break
        if not pieces[index].startswith("[unused"):
            kept.add(index)
    return sorted(kept)


def count_pieces(tokenizer: Tokenizer, texts: list[str]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for start in range(0, len(texts), 2048):
        for encoding in tokenizer.encode_batch(texts[start : start + 2048], add_special_tokens=False):
            counts.update(encoding.ids)
    return counts


def prune_tokenizer(kept: list[int], pieces: list[str]) -> dict:
    """The base tokenizer.json with only the kept pieces, renumbered from 0, without padding or truncation."""
    blueprint = json.loads((base_folder() / "tokenizer.json").read_text(encoding="utf-8"))
    new_ids = {pieces[base_id]: index for index, base_id in enumerate(kept)}
    blueprint["truncation"] = None
    blueprint["padding"] = None
    blueprint["model"]["vocab"] = new_ids
    blueprint["added_tokens"] = [
        {**token, "id": new_ids[token["content"]]} for token in blueprint["added_tokens"]
    ]
    for name, token in blueprint["post_processor"]["special_tokens"].items():
        token["ids"] = [new_ids[name]]
    return blueprint


def build_vocabulary(pairs: list[Pair], size: int, path: Path) -> None:
    base = load_base_tokenizer()
    pieces = [base.id_to_token(index) for index in range(base.get_vocab_size())]
    texts = [pair.query for pair in pairs] + [pair.passage for pair in pairs]
    kept = choose_pieces(count_pieces(base, texts), pieces, size)
    path.write_text(json.dumps(prune_tokenizer(kept, pieces), ensure_ascii=False), encoding="utf-8")


def read_vocabulary(path: Path) -> Vocabulary:
    tokenizer = Tokenizer.from_file(str(path))
    base = load_base_tokenizer()
    base_ids = [base.token_to_id(tokenizer.id_to_token(index)) for index in range(tokenizer.get_vocab_size())]
    return Vocabulary(tokenizer, np.array(base_ids))
