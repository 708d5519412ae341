"""A model folder is written beside its place and renamed into it: readers never see half of one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

TOKENIZER_CONFIG = {
    "tokenizer_class": "BertTokenizer",
    "do_lower_case": True,
    "tokenize_chinese_chars": True,
    "strip_accents": None,
    "model_max_length": 512,
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def publish_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder and put it in the place of `folder`; the hand-written `*.md`, NOTICE and LICENSE there stay."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    fill(fresh)
    for file in fresh.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    if folder.exists():
        for kept in [*folder.glob("*.md"), *folder.glob("NOTICE"), *folder.glob("LICENSE")]:
            shutil.copy(kept, fresh / kept.name)
        stale = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(stale, ignore_errors=True)
        folder.rename(stale)
        fresh.rename(folder)
        shutil.rmtree(stale)
    else:
        fresh.rename(folder)
