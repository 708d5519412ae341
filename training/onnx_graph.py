"""A small writer of ONNX graphs whose matrix products run in int8.

Weights are signed, one scale per output column, and use 7 of the 8 bits: processors without VNNI add two
products of an unsigned and a signed byte in 16 bits, and full-range weights would saturate there
(ONNX Runtime, "Quantize ONNX models", reduce_range). So a score is the same on every x86 processor.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .cross_encoder import WORD_LEVELS

WEIGHT_LIMIT = 64
ROW_LIMIT = 127


def quantize(weights: np.ndarray, axis: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 values and the scales along the other axis: weights = values * scales."""
    scales = np.maximum(np.abs(weights).max(axis=axis, keepdims=True) / limit, 1e-12)
    values = np.clip(np.rint(weights / scales), -limit, limit).astype(np.int8)
    return values, scales.squeeze(axis).astype(np.float32)


class GraphWriter:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, inputs: list[str], outputs: int = 1, **attributes: object) -> list[str]:
        names = [f"{operator}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, name=names[0], **attributes))
        return names

    def apply(self, operator: str, *inputs: str, **attributes: object) -> str:
        return self.add(operator, list(inputs), **attributes)[0]

    def name_output(self, value: str, name: str) -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name], name=name))

    def constant(self, name: str, value: np.ndarray) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        return self.constant(f"number_{value}", np.array(value, dtype=np.float32))

    def quantized_table(self, name: str, table: np.ndarray) -> tuple[str, str]:
        values, scales = quantize(table, axis=1, limit=ROW_LIMIT)
        return self.constant(f"{name}.values", values), self.constant(f"{name}.scales", scales[:, None])

    def restore_rows(self, values: str, scales: str) -> str:
        return self.apply("Mul", self.apply("Cast", values, to=TensorProto.FLOAT), scales)

    def look_up(self, name: str, table: np.ndarray, ids: str) -> str:
        values, scales = self.quantized_table(name, table)
        return self.restore_rows(self.apply("Gather", values, ids), self.apply("Gather", scales, ids))

    def look_up_packed(self, name: str, table: np.ndarray, ids: str) -> str:
        """Rows of a table of 4 bits a number, two to a byte: the first half of a row in the low bits, the second in the
        high ones, both 8 more than they mean."""
        values, scales = quantize(table, axis=1, limit=WORD_LEVELS)
        low, high = np.split((values + 8).astype(np.uint8), 2, axis=1)
        packed = self.apply("Gather", self.constant(f"{name}.values", low | (high << 4)), ids)
        both = self.apply("Cast", packed, to=TensorProto.FLOAT)
        upper = self.apply("Floor", self.apply("Mul", both, self.number(1 / 16)))
        lower = self.apply("Sub", both, self.apply("Mul", upper, self.number(16.0)))
        row = self.apply("Sub", self.apply("Concat", lower, upper, axis=-1), self.number(8.0))
        scale = self.apply("Gather", self.constant(f"{name}.scales", scales[:, None]), ids)
        return self.apply("Mul", row, scale)

    def restored_matrix(self, name: str, weights: np.ndarray) -> str:
        """[in, out], int8 in the file; the runtime restores constants once, when it loads them."""
        values, scales = quantize(weights, axis=0, limit=ROW_LIMIT)
        return self.restore_rows(self.constant(f"{name}.values", values), self.constant(f"{name}.scales", scales))

    def quantize_input(self, value: str) -> tuple[str, str, str]:
        """uint8 values, their scale and zero point, measured on this input."""
        values, scale, zero = self.add("DynamicQuantizeLinear", [value], outputs=3)
        return values, scale, zero

    def linear(self, name: str, weight: np.ndarray, bias: np.ndarray, quantized: tuple[str, str, str]) -> str:
        """weight is [out, in] as in PyTorch."""
        values, scales = quantize(weight.T, axis=0, limit=WEIGHT_LIMIT)
        data, scale, zero = quantized
        product = self.apply(
            "MatMulInteger",
            data,
            self.constant(f"{name}.weight", values),
            zero,
            self.constant("weight_zero", np.array(0, dtype=np.int8)),
        )
        factor = self.apply("Mul", scale, self.constant(f"{name}.scale", scales))
        output = self.apply("Mul", self.apply("Cast", product, to=TensorProto.FLOAT), factor)
        return self.apply("Add", output, self.constant(f"{name}.bias", bias))

    def norm(self, name: str, value: str, weight: np.ndarray, bias: np.ndarray) -> str:
        scale, shift = self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)
        return self.apply("LayerNormalization", value, scale, shift, axis=-1, epsilon=1e-12)

    def attention(self, parts: list[str], mask: str, heads: int) -> str:
        """Of queries, keys and values; ONNX Runtime's own operator spares the transpositions between them."""
        nothing = ["", ""]
        return self.apply(
            "MultiHeadAttention", *parts, *nothing, mask, domain="com.microsoft", num_heads=heads
        )

    def gelu(self, value: str) -> str:
        """The exact form, from operators that every runtime has."""
        error = self.apply("Erf", self.apply("Div", value, self.number(float(np.sqrt(2)))))
        product = self.apply("Mul", value, self.apply("Add", error, self.number(1.0)))
        return self.apply("Mul", product, self.number(0.5))
