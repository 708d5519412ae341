"""Writes the cross-encoder as a model folder: transformers config, tokenizer, int8 ONNX."""

import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from .blend import Blend
from .cross_encoder import HEADS, CrossEncoder
from .lexical_match import PieceStatistics
from .model_folder import TOKENIZER_CONFIG, publish_folder, write_json
from .onnx_graph import GraphWriter
from .onnx_match_head import add_match_head

OPSET = 17
HEAD_ORDERS = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
"""Keys are turned for the product with the queries."""
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
Weights = dict[str, np.ndarray]


def add_embeddings(graph: GraphWriter, weights: Weights) -> str:
    words = graph.look_up("words", weights["words.weight"], "input_ids")
    types = graph.look_up("types", weights["types.weight"], "token_type_ids")
    length = graph.apply("Slice", graph.apply("Shape", "input_ids"), graph.integers(1), graph.integers(2))
    rows = [
        graph.apply("Slice", part, graph.integers(0), length, graph.integers(0))
        for part in graph.quantized_table("positions", weights["positions.weight"])
    ]
    total = graph.apply("Add", graph.apply("Add", words, types), graph.restore_rows(*rows))
    return graph.norm("norm", total, weights["norm.weight"], weights["norm.bias"])


def add_mask(graph: GraphWriter) -> str:
    """0 where there is a token, very negative where there is padding: [batch, 1, 1, sequence]."""
    mask = graph.apply("Cast", "attention_mask", to=TensorProto.FLOAT)
    mask = graph.apply("Unsqueeze", mask, graph.integers(1, 2))
    return graph.apply("Mul", graph.apply("Sub", graph.number(1.0), mask), graph.number(-10000.0))


def add_layer(graph: GraphWriter, name: str, weights: Weights, hidden: str, mask: str) -> str:
    def linear(part: str, quantized: tuple[str, str, str]) -> str:
        return graph.linear(f"{name}.{part}", weights[f"{part}.weight"], weights[f"{part}.bias"], quantized)

    def norm(part: str, value: str) -> str:
        return graph.norm(f"{name}.{part}", value, weights[f"{part}.weight"], weights[f"{part}.bias"])

    def heads(value: str, order: list[int]) -> str:
        return graph.apply("Transpose", graph.apply("Reshape", value, graph.integers(0, 0, HEADS, -1)), perm=order)

    # One product instead of three: few rows and narrow matrices leave the processor idle in between.
    joint = ("query", "key", "value")
    product = graph.linear(
        f"{name}.joint",
        np.concatenate([weights[f"{part}.weight"] for part in joint]),
        np.concatenate([weights[f"{part}.bias"] for part in joint]),
        graph.quantize_input(hidden),
    )
    parts = graph.add("Split", [product], outputs=3, axis=2)
    query, key, value = (heads(part, order) for part, order in zip(parts, HEAD_ORDERS, strict=True))
    width = weights["query.weight"].shape[0] // HEADS
    scores = graph.apply("Div", graph.apply("MatMul", query, key), graph.number(float(np.sqrt(width))))
    attention = graph.apply("Softmax", graph.apply("Add", scores, mask), axis=-1)
    context = graph.apply("Transpose", graph.apply("MatMul", attention, value), perm=[0, 2, 1, 3])
    context = graph.apply("Reshape", context, graph.integers(0, 0, -1))
    attended = norm("attended_norm", graph.apply("Add", linear("attended", graph.quantize_input(context)), hidden))
    inner = graph.gelu(linear("inner", graph.quantize_input(attended)))
    return norm("outer_norm", graph.apply("Add", linear("outer", graph.quantize_input(inner)), attended))


def select_weights(weights: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def build_reranker_graph(model: CrossEncoder, statistics: PieceStatistics, blend: Blend) -> onnx.ModelProto:
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    graph = GraphWriter()
    mask = add_mask(graph)
    hidden = add_embeddings(graph, weights)
    for index in range(len(model.layers)):
        own = select_weights(weights, f"layers.{index}.")
        hidden = add_layer(graph, f"layer{index}", own, hidden, mask)
    head = select_weights(weights, "head.")
    graph.name_output(add_match_head(graph, head, hidden, statistics, blend), "logits")
    built = helper.make_graph(
        graph.nodes,
        "reranker",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in INPUTS],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])],
        list(graph.constants.values()),
    )
    made = helper.make_model(built, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def transformers_config(model: CrossEncoder, name: str) -> dict:
    return {
        "_name_or_path": f"builtin/{name}",
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "vocab_size": model.words.num_embeddings,
        "hidden_size": model.words.embedding_dim,
        "num_hidden_layers": len(model.layers),
        "num_attention_heads": HEADS,
        "intermediate_size": model.layers[0].inner.out_features,
        "hidden_act": "gelu",
        "max_position_embeddings": model.positions.num_embeddings,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "num_labels": 1,
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
        "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
    }


def export_reranker(
    model: CrossEncoder, statistics: PieceStatistics, blend: Blend, tokenizer: Path, folder: Path
) -> None:
    def fill(fresh: Path) -> None:
        (fresh / "onnx").mkdir()
        onnx.save(build_reranker_graph(model, statistics, blend), fresh / "onnx" / "model_int8.onnx")
        shutil.copy(tokenizer, fresh / "tokenizer.json")
        write_json(fresh / "tokenizer_config.json", TOKENIZER_CONFIG)
        write_json(fresh / "config.json", transformers_config(model, folder.name))

    publish_folder(folder, fill)
