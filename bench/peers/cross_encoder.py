"""sentence-transformers' CrossEncoder with its defaults, answering timed requests.

Arguments: the model (a folder or a hub id) and a JSON file of requests by name. Reads names from stdin, one a line, and
answers each with a line of JSON: the milliseconds from text to scores, and the raw logits.
"""

import json
import sys
import time

import torch
import sentence_transformers
from sentence_transformers import CrossEncoder

model_name, requests_path = sys.argv[1:]
with open(requests_path, encoding="utf-8") as file:
    requests = json.load(file)
model = CrossEncoder(model_name, device="cpu", activation_fn=torch.nn.Identity(), max_length=512)


def answer(message):
    print(json.dumps(message), flush=True)


versions = f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"
answer({"ready": f"{versions}, {torch.get_num_threads()} threads"})
for line in sys.stdin:
    request = requests[line.strip()]
    pairs = [(request["query"], text) for text in request["texts"]]
    started = time.perf_counter()
    scores = model.predict(pairs, show_progress_bar=False)
    answer({"ms": (time.perf_counter() - started) * 1000, "scores": [float(score) for score in scores]})
