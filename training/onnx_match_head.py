"""The head of the cross-encoder (see cross_encoder.py, MatchHead) as ONNX operators."""

import numpy as np

from .blend import Blend
from .cross_encoder import DOCUMENT, QUERY
from .lexical_match import K1, B, PieceStatistics
from .onnx_encoder import KeptTokens, Tokens, float_of, is_segment
from .onnx_graph import GraphWriter


def normalize(graph: GraphWriter, value: str) -> str:
    length = graph.apply("ReduceL2", value, axes=[-1], keepdims=1)
    return graph.apply("Div", value, graph.apply("Max", length, graph.number(1e-12)))


def add_matches(graph: GraphWriter, tokens: str, turned: str, in_document: str, query_weights: str) -> str:
    """The weighted mean, over query tokens, of the best cosine with a document token: [batch, 1]."""
    outside = graph.apply("Mul", graph.apply("Sub", in_document, graph.number(1.0)), graph.number(4.0))
    outside = graph.apply("Unsqueeze", outside, graph.integers(1))
    cosines = graph.apply("Add", graph.apply("MatMul", tokens, turned), outside)
    best = graph.apply("ReduceMax", cosines, axes=[2], keepdims=0)
    total = graph.apply("ReduceSum", graph.apply("Mul", query_weights, best), graph.integers(1), keepdims=1)
    weight = graph.apply("ReduceSum", query_weights, graph.integers(1), keepdims=1)
    return graph.apply("Div", total, graph.apply("Max", weight, graph.number(1e-6)))


def add_likeness(
    graph: GraphWriter, weights: dict[str, np.ndarray], hidden: str, query_weights: str, document_weights: str
) -> str:
    """The cosine of both texts' sentence vectors: [batch, 1]."""
    query, document = (
        normalize(graph, add_sentence(graph, weights, hidden, members)) for members in (query_weights, document_weights)
    )
    return graph.apply("ReduceSum", graph.apply("Mul", query, document), graph.integers(2), keepdims=0)


def add_sentence(graph: GraphWriter, weights: dict[str, np.ndarray], hidden: str, members: str) -> str:
    """The projected mean of a text's token vectors: [batch, 1, width]."""
    total = graph.apply("MatMul", graph.apply("Unsqueeze", members, graph.integers(1)), hidden)
    mass = graph.apply("ReduceSum", members, graph.integers(1), keepdims=1)
    mean = graph.apply("Div", total, graph.apply("Unsqueeze", graph.apply("Max", mass, graph.number(1e-6)), graph.integers(2)))
    product = graph.apply("MatMul", mean, graph.restored_matrix("sentence", weights["sentence.weight"].T))
    return graph.apply("Add", product, graph.constant("sentence.bias", weights["sentence.bias"]))


def add_lexical_match(graph: GraphWriter, statistics: PieceStatistics, blend: Blend, tokens: Tokens) -> str:
    """BM25 of the pair and what is taken off for the query's mass (see lexical_match.py and blend.py): [batch, 1]."""
    inverse = graph.apply("Gather", graph.constant("inverse_frequency", statistics.inverse_frequency), tokens.ids)
    length = graph.apply("ReduceSum", tokens.in_document, graph.integers(1), keepdims=1)
    slope = graph.apply("Mul", length, graph.number(K1 * B / statistics.average_length))
    room = graph.apply("Add", tokens.frequency, graph.apply("Add", slope, graph.number(K1 * (1 - B))))
    saturated = graph.apply("Div", graph.apply("Mul", tokens.frequency, graph.number((K1 + 1) * blend.lexical)), room)
    evidence = graph.apply("Add", saturated, graph.number(blend.mass))
    weighted = graph.apply("Mul", graph.apply("Mul", inverse, tokens.in_query), evidence)
    return graph.apply("ReduceSum", weighted, graph.integers(1), keepdims=1)


def add_match_head(
    graph: GraphWriter,
    weights: dict[str, np.ndarray],
    tokens: Tokens,
    kept: KeptTokens,
    statistics: PieceStatistics,
    blend: Blend,
) -> str:
    in_query, in_document = (float_of(graph, is_segment(graph, kept.segments, text)) for text in (QUERY, DOCUMENT))
    project = graph.linear(
        "project", weights["project.weight"], weights["project.bias"], graph.quantize_input(kept.first)
    )
    vectors = normalize(graph, project)
    turned = graph.apply("Transpose", vectors, perm=[0, 2, 1])
    query_weights = graph.apply("Mul", kept.importance, in_query)
    matched = add_matches(graph, vectors, turned, in_document, query_weights)
    document_share = graph.apply("Mul", kept.importance, in_document)
    alike = add_likeness(graph, weights, kept.last, in_query, document_share)
    scales = weights["scales"] * np.array([blend.matched, blend.alike], dtype=np.float32)
    terms = [
        graph.apply("Mul", term, graph.number(float(scale))) for term, scale in zip((matched, alike), scales, strict=True)
    ]
    terms.append(graph.apply("Mul", add_first_token(graph, weights, kept.last), graph.number(blend.first)))
    terms.append(add_lexical_match(graph, statistics, blend, tokens))
    logit = graph.number(blend.bias)
    for term in terms:
        logit = graph.apply("Add", logit, term)
    return logit


def add_first_token(graph: GraphWriter, weights: dict[str, np.ndarray], hidden: str) -> str:
    """What the document's [CLS] says: [batch, 1]."""
    first = graph.apply("Gather", hidden, graph.constant("first_token", np.array(0, dtype=np.int64)), axis=1)
    pooled = graph.linear("pooler", weights["pooler.weight"], weights["pooler.bias"], graph.quantize_input(first))
    classifier = graph.constant("classifier.weight", weights["classifier.weight"].T)
    product = graph.apply("MatMul", graph.apply("Tanh", pooled), classifier)
    return graph.apply("Add", product, graph.constant("classifier.bias", weights["classifier.bias"]))
