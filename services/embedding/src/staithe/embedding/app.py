"""Joins the embedding service's parts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from staithe.embedding.settings import EmbeddingSettings
from staithe.embedding.stage import EmbeddingStage, keys_needed
from staithe.kernel.crypto.sealing import KeyringSealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, load_trusted_keys
from staithe.kernel.service import Application, Runtime
from staithe.kernel.stream.assembly import StreamApplication, event_codec, stream_for
from staithe.kernel.version import code_version
from staithe.keys.client.sealing import VersionOpener, VersionSealer, fetch_ahead
from staithe.keys.client.service import KeyServiceClient
from staithe.keys.client.terms import TermKeys
from staithe.vectors.chunks import Chunk, ChunkLimits, chunk_text
from staithe.vectors.clip import under_title
from staithe.vectors.model.encoder import Encoder, load_encoder
from staithe.vectors.model.files import model_paths

SERVICE = "embedding"


class ModelEncoder:
    """The real model with the default chunk limits."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._limits = encoder, ChunkLimits()
        self.model_digest = encoder.model_digest

    def chunks(self, text: str) -> Sequence[Chunk]:
        """The chunks of a text, in order."""
        return chunk_text(text, self._encoder.tokenizer, self._limits)

    def encode(self, title: str, text: str) -> npt.NDArray[np.float32]:
        """float32[384] of unit norm, of a chunk's text read under its document's title."""
        return self._encoder.encode(under_title(title, text, self._encoder.tokenizer))


def build(runtime: Runtime, settings: EmbeddingSettings) -> Application:
    """The service, not yet started; raises Integrity when the model is not the pinned one."""
    keys = KeyServiceClient(settings.key_service())
    sealer = VersionSealer(keys, runtime.clock, KeyringSealer.from_file(settings.keyring_file))
    opener = VersionOpener(keys, runtime.clock)
    stage = EmbeddingStage(
        ModelEncoder(load_encoder(model_paths(settings.model_cache_dir))),
        opener=opener,
        sealer=sealer,
        term_keys=TermKeys(keys, runtime.clock),
        verifier=LineageVerifier(expected=("ingestion", "sanitization"), keys=load_trusted_keys(settings.trust_file)),
        author=LineageAuthor(
            service=SERVICE, code_version=code_version(SERVICE), signer=Signer.from_file(settings.signing_key_file)
        ),
        clock=runtime.clock,
    )
    stream = stream_for(
        runtime, stage, event_codec(settings), sealer=sealer, concurrency=settings.concurrency,
        preparation=fetch_ahead(opener, sealer, keys_needed), ahead=True,
    )  # fmt: skip
    return StreamApplication(stream)
