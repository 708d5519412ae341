"""Writes the cross-encoder as a model folder: transformers config, tokenizer, int8 ONNX."""

import shutil
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from .blend import Blend
from .cross_encoder import HEADS, CrossEncoder
from .lexical_match import PieceStatistics
from .model_folder import TOKENIZER_CONFIG, publish_folder, write_json
from .onnx_encoder import add_encoder, add_tokens, select_weights
from .onnx_graph import GraphWriter
from .onnx_match_head import add_match_head

OPSET = 17
RUNTIME_OPERATORS = helper.make_opsetid("com.microsoft", 1)
"""ONNX Runtime's own, for attention."""
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def build_reranker_graph(model: CrossEncoder, statistics: PieceStatistics, blend: Blend) -> onnx.ModelProto:
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    graph = GraphWriter()
    tokens = add_tokens(graph, weights["importance.weight"][:, 0])
    kept = add_encoder(graph, weights, len(model.layers), tokens, model.keep)
    head = select_weights(weights, "head.")
    graph.name_output(add_match_head(graph, head, tokens, kept, statistics, blend), "logits")
    built = helper.make_graph(
        graph.nodes,
        "reranker",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in INPUTS],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])],
        list(graph.constants.values()),
    )
    made = helper.make_model(built, opset_imports=[helper.make_opsetid("", OPSET), RUNTIME_OPERATORS], ir_version=8)
    onnx.checker.check_model(made)
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
