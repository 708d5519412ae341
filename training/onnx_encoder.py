"""The encoder of the cross-encoder (see cross_encoder.py) as ONNX operators."""

from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from .cross_encoder import DOCUMENT, FIRST, HEADS, MATCH_BONUS, PADDING, QUERY, RANKS, Keep
from .onnx_graph import GraphWriter

Weights = dict[str, np.ndarray]


class Tokens(NamedTuple):
    """Names of values of every token: int64 or float [batch, tokens] unless said."""

    ids: str
    order: str
    """0, 1, 2, ...: [1, tokens]"""
    segments: str
    importance: str
    in_document: str
    """1.0 or 0.0, as the rest of the graph needs it; likewise `in_query`, its [CLS] and [SEP] among them."""
    in_query: str
    query_length: str
    """int64 [batch, 1]; likewise `document_length`."""
    document_length: str
    frequency: str
    """How often the token's piece is in the document."""
    in_both: str
    """1.0 where its piece is one of the query's."""


class KeptTokens(NamedTuple):
    """Names of values of the tokens that go on: [batch, kept] and, for states, [batch, kept, width]."""

    first: str
    last: str
    segments: str
    importance: str


def counting(graph: GraphWriter, length: str) -> str:
    """0, 1, 2, ... up to `length`, which is a scalar: [1, length]."""
    zero, one = (graph.constant(f"scalar_{value}", np.array(value, dtype=np.int64)) for value in (0, 1))
    return graph.apply("Unsqueeze", graph.apply("Range", zero, length, one), graph.integers(0))


def is_segment(graph: GraphWriter, segments: str, segment: int) -> str:
    return graph.apply("Equal", segments, graph.integers(segment))


def float_of(graph: GraphWriter, value: str) -> str:
    return graph.apply("Cast", value, to=TensorProto.FLOAT)


def add_tokens(graph: GraphWriter, importance: np.ndarray) -> Tokens:
    """The input's tokens behind the document's [CLS], which is not among them."""
    ids, mask, types = (with_first(graph, name) for name in ("input_ids", "attention_mask", "token_type_ids"))
    order = counting(graph, graph.apply("Gather", graph.apply("Shape", ids), graph.constant("scalar_1", np.array(1, dtype=np.int64))))
    inside = graph.apply("Mul", mask, graph.apply("Add", types, graph.integers(QUERY)))
    at_start = graph.apply("Equal", order, graph.integers(0))
    segments = graph.apply("Where", at_start, graph.integers(FIRST), inside)
    members = [graph.apply("Cast", is_segment(graph, segments, text), to=TensorProto.INT64) for text in (QUERY, DOCUMENT)]
    lengths = [graph.apply("ReduceSum", part, graph.integers(1), keepdims=1) for part in members]
    in_query, in_document = (float_of(graph, part) for part in members)
    return Tokens(
        ids,
        order,
        segments,
        graph.apply("Gather", graph.constant("importance", importance), ids),
        in_document,
        in_query,
        *lengths,
        *count_pieces(graph, ids, in_document, in_query),
    )


def with_first(graph: GraphWriter, name: str) -> str:
    """An input with its first column once more in front."""
    first = graph.apply("Slice", name, graph.integers(0), graph.integers(1), graph.integers(1))
    return graph.apply("Concat", first, name, axis=1)


def count_pieces(graph: GraphWriter, ids: str, in_document: str, in_query: str) -> tuple[str, str]:
    """How often each token's piece is in the document, and 1.0 where it is in the query."""
    rows, columns = (graph.apply("Unsqueeze", ids, graph.integers(axis)) for axis in (2, 1))
    same = float_of(graph, graph.apply("Equal", rows, columns))
    members = [graph.apply("Unsqueeze", part, graph.integers(2)) for part in (in_document, in_query)]
    counts = graph.apply("MatMul", same, graph.apply("Concat", *members, axis=2))
    places = (graph.constant(f"scalar_{place}", np.array(place, dtype=np.int64)) for place in (0, 1))
    of_document, of_query = (graph.apply("Gather", counts, place, axis=2) for place in places)
    return of_document, graph.apply("Min", of_query, graph.number(1.0))


def add_choice(graph: GraphWriter, tokens: Tokens, keep: Keep) -> tuple[str, str]:
    """Which tokens go on, the document's [CLS] first, and their segments; rows with fewer than the longest one end in
    padding."""
    counted = graph.apply("Sub", tokens.document_length, graph.integers(keep.uncounted))
    hundredths = graph.apply("Mul", counted, graph.integers(keep.percent))
    share = graph.apply("Div", graph.apply("Add", hundredths, graph.integers(99)), graph.integers(100))
    least = graph.apply("Min", tokens.document_length, graph.integers(keep.at_least))
    members = graph.apply("Add", tokens.query_length, graph.integers(1))
    kept = graph.apply("Add", members, graph.apply("Max", share, least))
    base = graph.apply("Gather", graph.constant("ranks", np.array(RANKS, dtype=np.float32)), tokens.segments)
    wanted = graph.apply("Add", graph.apply("Mul", tokens.in_both, graph.number(MATCH_BONUS)), graph.number(1.0))
    wanted = graph.apply("Mul", graph.apply("Mul", tokens.importance, tokens.in_document), wanted)
    rank = graph.apply("Add", base, wanted)
    most = graph.apply("ReduceMax", kept, axes=[0, 1], keepdims=0)
    count = graph.apply("Unsqueeze", most, graph.integers(0))
    _, chosen = graph.add("TopK", [rank, count], outputs=2, axis=1, largest=1, sorted=1)
    inside = graph.apply("Cast", graph.apply("Less", counting(graph, most), kept), to=TensorProto.INT64)
    segments = graph.apply("Mul", graph.apply("GatherElements", tokens.segments, chosen, axis=1), inside)
    return chosen, segments


def add_embeddings(graph: GraphWriter, weights: Weights, tokens: Tokens) -> str:
    """Positions of both texts begin at their own [CLS], as if each were read alone."""
    words = graph.look_up_packed("words", weights["words.weight"], tokens.ids)
    in_query = graph.apply("Max", graph.apply("Sub", tokens.order, graph.integers(1)), graph.integers(0))
    in_document = graph.apply("Sub", tokens.order, tokens.query_length)
    places = graph.apply("Where", is_segment(graph, tokens.segments, DOCUMENT), in_document, in_query)
    positions = graph.look_up("positions", weights["positions.weight"], places)
    return graph.norm("norm", graph.apply("Add", words, positions), weights["norm.weight"], weights["norm.bias"])


def add_attention_mask(graph: GraphWriter, rows: str, columns: str) -> str:
    """Each text attends to itself, and the document's [CLS], which is part of it, to the query too: 0 or very negative
    [batch, 1, rows, columns]."""
    rows = graph.apply("Unsqueeze", rows, graph.integers(1, 3))
    columns = graph.apply("Unsqueeze", columns, graph.integers(1, 2))
    same = graph.apply("Equal", rows, columns)
    in_document = graph.apply("And", is_segment(graph, rows, DOCUMENT), is_segment(graph, columns, FIRST))
    seen = graph.apply("Or", graph.apply("Or", same, in_document), is_segment(graph, rows, FIRST))
    allowed = graph.apply("And", seen, graph.apply("Not", is_segment(graph, columns, PADDING)))
    return graph.apply("Where", allowed, graph.number(0.0), graph.number(-10000.0))


def add_parts(
    graph: GraphWriter, name: str, weights: Weights, parts: tuple[str, ...], quantized: tuple[str, str, str]
) -> list[str]:
    """Products of one input, which is quantised once."""
    return [
        graph.linear(f"{name}.{part}", weights[f"{part}.weight"], weights[f"{part}.bias"], quantized) for part in parts
    ]


def add_layer(graph: GraphWriter, name: str, weights: Weights, parts: list[str], rows: str, mask: str) -> str:
    """The layer's new states of `rows`; `parts` are its queries, keys and values."""

    def linear(part: str, value: str) -> str:
        (product,) = add_parts(graph, name, weights, (part,), graph.quantize_input(value))
        return product

    def norm(part: str, value: str) -> str:
        return graph.norm(f"{name}.{part}", value, weights[f"{part}.weight"], weights[f"{part}.bias"])

    context = graph.attention(parts, mask, HEADS)
    attended = norm("attended_norm", graph.apply("Add", linear("attended", context), rows))
    inner = graph.gelu(linear("inner", attended))
    return norm("outer_norm", graph.apply("Add", linear("outer", inner), attended))


def select_weights(weights: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def add_encoder(graph: GraphWriter, weights: Weights, layers: int, tokens: Tokens, keep: Keep) -> KeptTokens:
    chosen, segments = add_choice(graph, tokens, keep)
    states = add_embeddings(graph, weights, tokens)
    rows = graph.apply("GatherND", states, graph.apply("Unsqueeze", chosen, graph.integers(2)), batch_dims=1)
    own = select_weights(weights, "layers.0.")
    parts = add_parts(graph, "layer0", own, ("query",), graph.quantize_input(rows))
    parts += add_parts(graph, "layer0", own, ("key", "value"), graph.quantize_input(states))
    first = add_layer(graph, "layer0", own, parts, rows, add_attention_mask(graph, segments, tokens.segments))
    mask = add_attention_mask(graph, segments, segments)
    last = first
    for index in range(1, layers):
        own = select_weights(weights, f"layers.{index}.")
        name = f"layer{index}"
        parts = add_parts(graph, name, own, ("query", "key", "value"), graph.quantize_input(last))
        last = add_layer(graph, name, own, parts, last, mask)
    return KeptTokens(first, last, segments, graph.apply("GatherElements", tokens.importance, chosen, axis=1))
