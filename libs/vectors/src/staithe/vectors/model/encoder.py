"""Text to vector: the prepared model in ONNX Runtime, one text at a time, from as many threads as there are cores."""

import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from staithe.kernel.errors import InvalidEvent
from staithe.vectors.model.files import ModelPaths, read_verified
from staithe.vectors.model.pins import FRAME_TOKENS, TOKENS_MAX, model_digest
from staithe.vectors.model.tokenizer import TextTokenizer

_LOG_ERRORS: Final = 3


class Encoder:
    """The embedding model, loaded. One instance serves the whole process; every method may be called from any thread.

    A vector depends on its own text alone: not on neighbours, threads or order.
    """

    def __init__(self, graph: bytes, tokenizer_json: bytes) -> None:
        self._session = _session(graph)
        self._tokenizer = TextTokenizer(tokenizer_json)
        self._digest = model_digest()

    @property
    def model_digest(self) -> bytes:
        """32 bytes that name weights, graph and tokenizer; vectors compare only under the same digest."""
        return self._digest

    @property
    def tokenizer(self) -> TextTokenizer:
        """The model's own tokenizer, for the chunker."""
        return self._tokenizer

    def encode(self, text: str) -> NDArray[np.float32]:
        """The embedding of a text: float32, shape (384,), unit norm.

        Blocks for one forward pass (1 to 4 ms for a question, 30 to 70 ms for 256 tokens, by processor).
        Raises InvalidEvent when the text has more than 256 tokens or is not Unicode.
        """
        return self.encode_tokens(self._tokenizer.ids(text))

    def encode_tokens(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """The embedding of token ids as `tokenizer.ids` gives them, [CLS] and [SEP] included.

        Raises InvalidEvent when there are fewer than 2 or more than 256.
        """
        if not FRAME_TOKENS <= len(ids) <= TOKENS_MAX:
            raise InvalidEvent(
                f"an embedding takes {FRAME_TOKENS} to {TOKENS_MAX} tokens", reason_code="TOKEN_COUNT_OUT_OF_RANGE"
            )
        outputs: list[Any] = self._session.run(["embedding"], {"input_ids": np.array([ids], np.int64)})
        embedding: NDArray[np.float32] = outputs[0][0]
        return embedding


def load_encoder(paths: ModelPaths) -> Encoder:
    """Load the prepared model: no network, no `onnx`, every byte checked against the pins first.

    Raises ConfigurationError when the model is not prepared or outdated, Integrity when a file was changed.
    """
    return Encoder(*read_verified(paths))


def _session(graph: bytes) -> Any:
    """One thread per call: two callers on two cores beat one call on two cores (no barriers between layers)."""
    # Read when the library loads: without it, it keeps a device id and event database below the home folder.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: PLC0415 - see above

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _LOG_ERRORS
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
