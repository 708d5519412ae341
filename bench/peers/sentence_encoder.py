"""sentence-transformers' SentenceTransformer (mean pooling, length 1) with its defaults, answering timed requests.

Arguments and answers as cross_encoder.py has them; of each text's vector the first number is given.
"""

import json
import sys
import time

import torch
import sentence_transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

model_name, requests_path = sys.argv[1:]
with open(requests_path, encoding="utf-8") as file:
    requests = json.load(file)
encoder = Transformer(model_name, max_seq_length=512)
pooling = Pooling(encoder.get_embedding_dimension(), "mean")
model = SentenceTransformer(modules=[encoder, pooling, Normalize()], device="cpu")


def answer(message):
    print(json.dumps(message), flush=True)


versions = f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"
answer({"ready": f"{versions}, {torch.get_num_threads()} threads"})
for line in sys.stdin:
    request = requests[line.strip()]
    started = time.perf_counter()
    vectors = model.encode(request["texts"], show_progress_bar=False)
    answer({"ms": (time.perf_counter() - started) * 1000, "scores": [float(vector[0]) for vector in vectors]})
