import hashlib
from typing import Any

import numpy as np
import onnxruntime
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from staithe.vectors.model import Encoder, ModelPaths
from staithe.vectors.model.graph import build_fp32, build_int8
from staithe.vectors.model.pins import GRAPH_SHA256
from staithe.vectors.model.quantize import quantize_columns, quantize_rows
from staithe.vectors.model.weights import ModelSource

TEXTS = [
    "How many days of annual leave do I get?",
    "Order HP-2207 was held because the oak panels failed the moisture check at the kiln.",
    "turbine",
    "The quick brown fox jumps over the lazy dog. " * 12,
    "def encode(self, text): return self.session.run(None, {'input_ids': text})",
    "Rechnung Nr. 4711: 12 Stühle à 149,90 EUR, zahlbar innerhalb von 30 Tagen.",
    "水力発電所の点検記録、三月。",
    "Return address: 4 Pine Street, Harbour Town",
    "- oiled oak\n- waxed beech\n- lacquered pine\n",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
    "Does the warranty cover water damage to table tops?",
    "The cooperative's members vote on the dividend at the annual general meeting in May.",
    "SELECT name, price FROM products WHERE stock < 10 ORDER BY price DESC;",
    "Emergency shutdown: close gate 3, open the spillway, call the control room.",
    "I would like to complain about the delivery, which came nine days late and to the wrong door.",
    "https://example.org/a/very/long/path?with=query&and=more#fragment",
    "😀😀😀",
    "",
    "Sehr geehrte Damen und Herren, anbei erhalten Sie den Prüfbericht der Anlage.",
    "Grid frequency fell to 49.71 Hz at 14:32 and recovered within ninety seconds.",
]

_weights = arrays(np.float32, (8, 3), elements=st.floats(-4, 4, width=32))


def _session(graph: bytes, **entries: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for key, value in entries.items():
        options.add_session_config_entry(key.replace("__", "."), value)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _embed(session: Any, ids: list[int]) -> NDArray[np.float32]:
    embedding: NDArray[np.float32] = session.run(None, {"input_ids": np.array([ids], np.int64)})[0][0]
    return embedding


def test_build_reproduces_the_pinned_graph(model_source: ModelSource) -> None:
    assert hashlib.sha256(build_int8(model_source.weights)).hexdigest() == GRAPH_SHA256


def test_int8_stays_close_to_the_float_reference(model_source: ModelSource, encoder: Encoder) -> None:
    reference = _session(build_fp32(model_source.weights))
    cosines = [encoder.encode(text) @ _embed(reference, encoder.tokenizer.ids(text)) for text in TEXTS]
    assert min(cosines) >= 0.98
    assert np.mean(cosines) >= 0.995


def test_fast_and_exact_integer_kernels_agree_to_the_bit(prepared: ModelPaths, encoder: Encoder) -> None:
    exact = _session(prepared.graph.read_bytes(), session__x64quantprecision="1")
    for text in TEXTS:
        assert np.array_equal(encoder.encode(text), _embed(exact, encoder.tokenizer.ids(text)))


@given(_weights)
def test_no_pair_of_weights_can_saturate_sixteen_bits(weight: NDArray[np.float32]) -> None:
    values = quantize_columns(weight)[0].astype(np.int64)
    for activations in ((255, 255), (255, 0), (0, 255)):
        sums = values[0::2] * activations[0] + values[1::2] * activations[1]
        assert np.abs(sums).max() <= 32767


@given(_weights)
def test_columns_are_rounded_by_at_most_half_a_step(weight: NDArray[np.float32]) -> None:
    values, scale = quantize_columns(weight)
    assert np.all(np.abs(values * scale - weight) <= scale * 0.5001 + 1e-12)


@given(_weights)
def test_rows_are_rounded_by_at_most_half_a_step(table: NDArray[np.float32]) -> None:
    values, scale = quantize_rows(table)
    assert np.all(np.abs(values * scale - table) <= scale * 0.5001 + 1e-12)
