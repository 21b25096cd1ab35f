"""Joins the sanitization service's parts."""

from staithe.kernel.crypto.sealing import KeyringSealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, load_trusted_keys
from staithe.kernel.service import Application, Runtime
from staithe.kernel.stream.assembly import StreamApplication, event_codec, stream_for
from staithe.kernel.version import code_version
from staithe.keys.client.sealing import VersionOpener, VersionSealer
from staithe.keys.client.service import KeyServiceClient
from staithe.sanitization.build import engine_for
from staithe.sanitization.policy_file import load_policy
from staithe.sanitization.pseudonyms import PseudonymKeys
from staithe.sanitization.record import RecordAuthor
from staithe.sanitization.settings import SanitizationSettings
from staithe.sanitization.stage import SanitizationStage

SERVICE = "sanitization"


def build(runtime: Runtime, settings: SanitizationSettings) -> Application:
    """The service, not yet started."""
    signer, version = Signer.from_file(settings.signing_key_file), code_version(SERVICE)
    pseudonyms = PseudonymKeys.from_file(settings.pseudonym_key_file)
    engine = engine_for(load_policy(settings.policy_file), pseudonyms)
    keys = KeyServiceClient(settings.key_service())
    sealer = VersionSealer(keys, runtime.clock, KeyringSealer.from_file(settings.keyring_file))
    stage = SanitizationStage(
        engine, opener=VersionOpener(keys, runtime.clock), sealer=sealer,
        verifier=LineageVerifier(expected=("ingestion",), keys=load_trusted_keys(settings.trust_file)),
        author=LineageAuthor(service=SERVICE, code_version=version, signer=signer),
        records=RecordAuthor(code_version=version, signer=signer, digests=pseudonyms), clock=runtime.clock,
    )  # fmt: skip
    return StreamApplication(stream_for(runtime, stage, event_codec(settings), sealer=sealer))
