"""Builds the model's ONNX graph from its weights, with numpy and onnx only (BERT, arXiv:1810.04805).

Two variants share one description of the network:

    int8   what Staithe runs. Integer weights; activations are quantized per token, so a vector depends on its own
           text alone. No attention mask and no padding: texts run one at a time, which beat every padded batch.
    fp32   the reference for tests and quality measurements: standard operators only, float32 throughout.

Input `input_ids` int64 (1, tokens); output `embedding` float32 (1, 384), unit norm. The bytes are deterministic.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from safetensors.numpy import load as load_safetensors

from staithe.vectors.model.pins import DIMENSIONS
from staithe.vectors.model.quantize import quantize_columns, quantize_rows

_MICROSOFT: Final = "com.microsoft"
"""ONNX Runtime's own operators: integer matrix product, fused attention, fused GELU."""
_OPSET: Final = 20
_IR_VERSION: Final = 10

_LAYERS: Final = 6
_HEADS: Final = 12
_HEAD_WIDTH: Final = DIMENSIONS // _HEADS
_EPSILON: Final = 1e-12

_GELU_MIN: Final = 0.17001
"""GELU never goes below -0.17 (at x = -0.75), so its output gets an uneven range: 32 steps below zero, 223 above."""


def build_int8(weights: bytes) -> bytes:
    """The graph Staithe runs, serialised, from the bytes of model.safetensors."""
    return _Int8Network(weights).build()


def build_fp32(weights: bytes) -> bytes:
    """The float32 reference, serialised, from the bytes of model.safetensors."""
    return _Fp32Network(weights).build()


class _Network:
    """The network, layer by layer; the variants say how to look up, multiply, attend and activate."""

    def __init__(self, weights: bytes) -> None:
        self._weights = load_safetensors(weights)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def build(self) -> bytes:
        x = self._embed("input_ids")
        for layer in range(_LAYERS):
            x = self._layer(x, f"encoder.layer.{layer}.")
        self._pool(x)
        graph = helper.make_graph(
            self._nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, [1, "tokens"])],
            [helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, [1, DIMENSIONS])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="staithe")
        return bytes(model.SerializeToString(deterministic=True))

    def _embed(self, input_ids: str) -> str:
        """Word plus position; every text is of type 0, so its type vector is folded into the positions."""
        positions = self._weight("embeddings.position_embeddings.weight")
        positions = positions + self._weight("embeddings.token_type_embeddings.weight")[0]
        length = self._node("Shape", [input_ids], start=1, end=2)
        window = [self._constant("positions", positions), self._integers(0), length, self._integers(0)]
        x = self._node("Add", [self._look_up_words(input_ids), self._node("Slice", window)])
        return self._normalise(x, "embeddings.LayerNorm.")

    def _layer(self, x: str, prefix: str) -> str:
        attended = self._linear(self._attention(x, prefix), prefix + "attention.output.dense.")
        x = self._normalise(self._node("Add", [attended, x]), prefix + "attention.output.LayerNorm.")
        inner = self._gelu(x, prefix + "intermediate.dense.")
        outer = self._linear(inner, prefix + "output.dense.", after_gelu=True)
        return self._normalise(self._node("Add", [outer, x]), prefix + "output.LayerNorm.")

    def _pool(self, x: str) -> None:
        """The mean over all tokens, scaled to length one."""
        mean = self._node("ReduceMean", [x, self._integers(1)], keepdims=0)
        self._node("LpNormalization", [mean], "embedding", axis=-1, p=2)

    def _normalise(self, x: str, prefix: str) -> str:
        gain = self._constant(prefix + "weight", self._weight(prefix + "weight"))
        shift = self._constant(prefix + "bias", self._weight(prefix + "bias"))
        return self._node("LayerNormalization", [x, gain, shift], axis=-1, epsilon=_EPSILON)

    def _linear(self, x: str, prefix: str, *, after_gelu: bool = False) -> str:
        product = self._multiply(x, prefix, self._weight(prefix + "weight").T, after_gelu=after_gelu)
        return self._node("Add", [product, self._constant(prefix + "bias", self._weight(prefix + "bias"))])

    def _look_up_words(self, input_ids: str) -> str:
        raise NotImplementedError

    def _multiply(self, x: str, name: str, weight: NDArray[np.float32], *, after_gelu: bool = False) -> str:
        """x (1, tokens, inputs) times weight (inputs, outputs)."""
        raise NotImplementedError

    def _attention(self, x: str, prefix: str) -> str:
        raise NotImplementedError

    def _gelu(self, x: str, prefix: str) -> str:
        """The inner half of the feed-forward pair: linear, then GELU."""
        raise NotImplementedError

    def _weight(self, name: str) -> NDArray[np.float32]:
        return np.asarray(self._weights[name], dtype=np.float32)

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _integers(self, *values: int) -> str:
        return self._constant("int64:" + ",".join(map(str, values)), np.array(values, np.int64))

    def _scalar(self, value: float, kind: type[np.float32 | np.uint8] = np.float32) -> str:
        return self._constant(f"{kind.__name__}:{value}", np.array(value, kind))

    def _node(self, operator: str, inputs: list[str], output: str = "", domain: str = "", **attributes: Any) -> str:
        name = f"{operator}_{len(self._nodes)}"
        output = output or name
        self._nodes.append(helper.make_node(operator, inputs, [output], name, domain=domain, **attributes))
        return output


class _Fp32Network(_Network):
    """Standard operators, as the paper writes them."""

    def _look_up_words(self, input_ids: str) -> str:
        words = self._constant("words", self._weight("embeddings.word_embeddings.weight"))
        return self._node("Gather", [words, input_ids])

    def _multiply(self, x: str, name: str, weight: NDArray[np.float32], *, after_gelu: bool = False) -> str:
        del after_gelu  # only quantization cares about the range
        return self._node("MatMul", [x, self._constant(name + "weight", weight)])

    def _attention(self, x: str, prefix: str) -> str:
        query = self._heads(x, prefix + "attention.self.query.", [0, 2, 1, 3])
        key = self._heads(x, prefix + "attention.self.key.", [0, 2, 3, 1])
        value = self._heads(x, prefix + "attention.self.value.", [0, 2, 1, 3])
        scores = self._node("Div", [self._node("MatMul", [query, key]), self._scalar(float(np.sqrt(_HEAD_WIDTH)))])
        mixed = self._node("MatMul", [self._node("Softmax", [scores], axis=-1), value])
        merged = self._node("Transpose", [mixed], perm=[0, 2, 1, 3])
        return self._node("Reshape", [merged, self._integers(0, 0, DIMENSIONS)])

    def _heads(self, x: str, prefix: str, order: list[int]) -> str:
        split = self._node("Reshape", [self._linear(x, prefix), self._integers(0, 0, _HEADS, _HEAD_WIDTH)])
        return self._node("Transpose", [split], perm=order)

    def _gelu(self, x: str, prefix: str) -> str:
        return self._node("Gelu", [self._linear(x, prefix)])


class _Int8Network(_Network):
    """Integer products with one scale per token and one per output."""

    def __init__(self, weights: bytes) -> None:
        super().__init__(weights)
        self._quantized: dict[str, tuple[str, str, str]] = {}

    def _look_up_words(self, input_ids: str) -> str:
        """The word table is half the model: as int8 it saves 35 MB of file and 66 MB of memory."""
        table, scale = quantize_rows(self._weight("embeddings.word_embeddings.weight"))
        rows = self._node("Gather", [self._constant("words", table), input_ids])
        scales = self._node("Gather", [self._constant("words.scale", scale), input_ids])
        return self._node("Mul", [self._node("Cast", [rows], to=onnx.TensorProto.FLOAT), scales])

    def _multiply(self, x: str, name: str, weight: NDArray[np.float32], *, after_gelu: bool = False) -> str:
        quantized_x, scale_x, zero_x = self._quantize_tokens(x, after_gelu=after_gelu)
        values, scale = quantize_columns(weight)
        inputs = [
            quantized_x,
            self._constant(name + "weight", values),
            self._scalar(1.0),
            self._constant(name + "scale", scale),
            zero_x,
        ]
        return self._node("Mul", [self._node("MatMulIntegerToFloat", inputs, domain=_MICROSOFT), scale_x])

    def _quantize_tokens(self, x: str, *, after_gelu: bool) -> tuple[str, str, str]:
        """x as uint8 with one scale per token: (values, scales, zero point); asked twice, built once."""
        if x not in self._quantized:
            zero = self._scalar(32 if after_gelu else 128, np.uint8)
            steps = self._steps_after_gelu(x) if after_gelu else self._steps_symmetric(x)
            values = self._node("QuantizeLinear", [self._node("Mul", [x, steps]), self._scalar(1.0), zero])
            self._quantized[x] = (values, self._node("Reciprocal", [steps]), zero)
        return self._quantized[x]

    def _steps_symmetric(self, x: str) -> str:
        """Steps per unit, so that the largest magnitude of the token becomes 127."""
        return self._steps_up_to(127.0, self._node("Abs", [x]))

    def _steps_after_gelu(self, x: str) -> str:
        """Steps per unit, so that neither the 223 above zero nor the 32 below are exceeded."""
        return self._node("Min", [self._steps_up_to(223.0, x), self._scalar(32 / _GELU_MIN)])

    def _steps_up_to(self, steps: float, x: str) -> str:
        largest = self._node("ReduceMax", [x, self._integers(-1)], keepdims=1)
        return self._node("Div", [self._scalar(steps), self._node("Max", [largest, self._scalar(1e-6)])])

    def _attention(self, x: str, prefix: str) -> str:
        """Query, key and value in one product, then ONNX Runtime's fused attention."""
        names = [f"{prefix}attention.self.{part}." for part in ("query", "key", "value")]
        weight = np.concatenate([self._weight(name + "weight").T for name in names], axis=1)
        bias = np.concatenate([self._weight(name + "bias") for name in names])
        name = prefix + "attention.self."
        joined = self._node("Add", [self._multiply(x, name, weight), self._constant(name + "bias", bias)])
        parts = [f"{name}{part}" for part in ("query", "key", "value")]
        sizes = self._integers(DIMENSIONS, DIMENSIONS, DIMENSIONS)
        self._nodes.append(helper.make_node("Split", [joined, sizes], parts, name + "split", axis=-1))
        return self._node("MultiHeadAttention", parts, domain=_MICROSOFT, num_heads=_HEADS)

    def _gelu(self, x: str, prefix: str) -> str:
        product = self._multiply(x, prefix, self._weight(prefix + "weight").T)
        bias = self._constant(prefix + "bias", self._weight(prefix + "bias"))
        return self._node("BiasGelu", [product, bias], domain=_MICROSOFT)
