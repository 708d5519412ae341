"""Reads a shipped cross-encoder's weights back, so that training can go on from a version whose other files are gone."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from .cross_encoder import CrossEncoder

LINEAR_PARTS = ("query", "key", "value", "attended", "inner", "outer")


def read_shipped_reranker(folder: Path) -> CrossEncoder:
    """The model of a folder that `export_reranker` wrote. What its blend multiplies the terms by is part of their weights."""
    graph = onnx.load(folder / "onnx" / "model_int8.onnx").graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def linear(source: str, target: str) -> dict[str, np.ndarray]:
        weight = stored[f"{source}.weight"].astype(np.float32) * stored[f"{source}.scale"]
        return {f"{target}.weight": weight.T, f"{target}.bias": stored[f"{source}.bias"]}

    def norm(source: str, target: str) -> dict[str, np.ndarray]:
        return {f"{target}.{part}": stored[f"{source}.{part}"] for part in ("weight", "bias")}

    packed = stored["words.values"]
    words = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    matched, alike, first = read_factors(graph)
    state = {
        "words.weight": words * stored["words.scales"],
        "positions.weight": stored["positions.values"].astype(np.float32) * stored["positions.scales"],
        "importance.weight": stored["importance"][:, None],
        **norm("norm", "norm"),
    }
    layers = 0
    while f"layer{layers}.query.weight" in stored:
        source, target = f"layer{layers}", f"layers.{layers}"
        for part in LINEAR_PARTS:
            state |= linear(f"{source}.{part}", f"{target}.{part}")
        for part in ("attended_norm", "outer_norm"):
            state |= norm(f"{source}.{part}", f"{target}.{part}")
        layers += 1
    state |= linear("project", "head.project") | linear("pooler", "head.pooler")
    state |= {
        "head.sentence.weight": (stored["sentence.values"].astype(np.float32) * stored["sentence.scales"]).T,
        "head.sentence.bias": stored["sentence.bias"],
        "head.classifier.weight": first * stored["classifier.weight"].T,
        "head.classifier.bias": first * stored["classifier.bias"],
        "head.scales": np.array([matched, alike]),
    }
    model = CrossEncoder(len(packed), layers, inner=len(stored["layer0.inner.bias"]))
    model.load_state_dict({name: torch.tensor(np.ascontiguousarray(value)) for name, value in state.items()})
    return model.eval()


def read_factors(graph: onnx.GraphProto) -> list[np.ndarray]:
    """What the first three terms of the logit's sum are multiplied by: matches, likeness, what [CLS] says."""
    makers = {output: node for node in graph.node for output in node.output}
    values = {tensor.name: tensor for tensor in graph.initializer}
    total = makers[makers["logits"].input[0]]
    terms = []
    while total.op_type == "Add":
        terms.insert(0, makers[total.input[1]])
        total = makers.get(total.input[0], onnx.NodeProto())
    return [numpy_helper.to_array(values[term.input[1]]) for term in terms[:3]]
