"""Joins the sanitization service's parts."""

from staithe.kernel.crypto.sealing import Opener, Sealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, load_trusted_keys
from staithe.kernel.service import Application, Runtime
from staithe.kernel.stream.assembly import StreamApplication, event_codec, stream_for
from staithe.kernel.version import code_version
from staithe.sanitization.policy import Sanitizer
from staithe.sanitization.settings import SanitizationSettings
from staithe.sanitization.stage import SanitizationStage

SERVICE = "sanitization"


def build(runtime: Runtime, settings: SanitizationSettings) -> Application:
    """The service, not yet started."""
    stage = SanitizationStage(
        Sanitizer(), opener=Opener.from_file(settings.keyring_file), sealer=Sealer.from_file(settings.keyring_file),
        verifier=LineageVerifier(expected=("ingestion",), keys=load_trusted_keys(settings.trust_file)),
        author=LineageAuthor(
            service=SERVICE, code_version=code_version(SERVICE), signer=Signer.from_file(settings.signing_key_file)
        ),
        clock=runtime.clock,
    )  # fmt: skip
    return StreamApplication(stream_for(runtime, stage, event_codec(settings), keyring_file=settings.keyring_file))
