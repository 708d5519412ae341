"""Writes a model as the hub's repositories for transformers.js and FlashRank have it: `onnx/model.onnx` in float32 and
`onnx/model_quantized.onnx` by ONNX Runtime's dynamic quantisation with its defaults.

Arguments: the model (a folder or a hub id) and the folder to write.
"""

import sys
from pathlib import Path

import torch
from onnxruntime.quantization import quantize_dynamic
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model_name, folder = sys.argv[1], Path(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(model_name)
model = AutoModelForSequenceClassification.from_pretrained(model_name, attn_implementation="eager").eval()
model.config.return_dict = False
(folder / "onnx").mkdir(parents=True)
tokenizer.save_pretrained(folder)
model.config.save_pretrained(folder)
inputs = tokenizer([("a query", "a text"), ("another", "and a longer text")], padding=True, return_tensors="pt")
names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in inputs]


class Logits(torch.nn.Module):
    """By position: exporters number a model's inputs as its forward does."""

    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, *values):
        return self.model(**dict(zip(names, values)))[0]


path = folder / "onnx" / "model.onnx"
axes = {name: {0: "batch", 1: "sequence"} for name in names}
torch.onnx.export(
    Logits(),
    tuple(inputs[name] for name in names),
    path,
    input_names=names,
    output_names=["logits"],
    dynamic_axes={**axes, "logits": {0: "batch"}},
    opset_version=17,
    dynamo=False,
)
quantize_dynamic(path, folder / "onnx" / "model_quantized.onnx")
