"""Lineage: each stage signs what it received, what it made of it, and the labels it passed on.

The signature covers the document's identity, operation and access labels, this step's hashes, and the signature of
the step before, so that steps cannot be cut, swapped, spliced or relabelled. It does not prove that the stage's
code was right, only that this stage's key signed exactly this.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from staithe.kernel.crypto.signing import PUBLIC_KEY_BYTES, Signer, verify
from staithe.kernel.errors import ConfigurationError, Integrity, InvalidEvent
from staithe.kernel.events import DocumentEvent, LineageStep
from staithe.kernel.limits import LINEAGE_STEPS_MAX

_DOMAIN: Final = b"staithe/lineage/v1"

TrustedKeys = Mapping[str, bytes]
"""Service name → its 32-byte Ed25519 public key."""


def sha256(content: bytes) -> bytes:
    """The SHA-256 digest (FIPS 180-4) as 32 bytes."""
    return hashlib.sha256(content).digest()


def load_trusted_keys(path: Path) -> TrustedKeys:
    """The public keys in a trust file; raises ConfigurationError when it is not usable."""
    try:
        keys = {name: base64.b64decode(key, validate=True) for name, key in json.loads(path.read_text()).items()}
        if any(len(key) != PUBLIC_KEY_BYTES for key in keys.values()):
            raise ValueError
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} is no trust file", reason_code="TRUST_UNREADABLE") from error
    return keys


class LineageAuthor:
    """Adds this service's step to a document's lineage."""

    def __init__(self, *, service: str, code_version: str, signer: Signer) -> None:
        self._service, self._code_version, self._signer = service, code_version, signer

    def extended(
        self, event: DocumentEvent, lineage: Sequence[LineageStep], *, input_sha256: bytes, output_sha256: bytes
    ) -> tuple[LineageStep, ...]:
        """`lineage` with one more step, signed for the identity and labels of `event`."""
        step = LineageStep(
            service=self._service, code_version=self._code_version, input_sha256=input_sha256,
            output_sha256=output_sha256, signature=b"",
        )  # fmt: skip
        signature = self._signer.sign(_signed_bytes(event, lineage, step))
        return (*lineage, LineageStep(
            service=step.service, code_version=step.code_version, input_sha256=input_sha256,
            output_sha256=output_sha256, signature=signature,
        ))  # fmt: skip


class LineageVerifier:
    """Checks that an event went through exactly the stages it must have gone through."""

    def __init__(self, *, expected: Sequence[str], keys: TrustedKeys) -> None:
        missing = [service for service in expected if service not in keys]
        if missing:
            raise ConfigurationError(f"the trust file lacks the key of {missing[0]}", reason_code="TRUST_INCOMPLETE")
        self._expected, self._keys = tuple(expected), keys

    def verify(self, event: DocumentEvent, *, output_sha256: bytes) -> None:
        """Return when every step is signed, linked, and ends in `output_sha256`.

        Raises InvalidEvent when a step is missing, out of order, unlinked or forged: such a record goes to the
        dead letters, where somebody must look, and is never processed.
        """
        steps = event.lineage
        if len(steps) > LINEAGE_STEPS_MAX or tuple(step.service for step in steps) != self._expected:
            raise InvalidEvent("lineage does not name the expected stages", reason_code="LINEAGE_STAGES")
        linked = [event.content_sha256, *(step.output_sha256 for step in steps)]
        if any(step.input_sha256 != before for step, before in zip(steps, linked, strict=False)):
            raise InvalidEvent("a stage's input is not the output before it", reason_code="LINEAGE_UNLINKED")
        if linked[-1] != output_sha256:
            raise InvalidEvent("the event's content is not what the last stage signed", reason_code="LINEAGE_CONTENT")
        for index, step in enumerate(steps):
            try:
                verify(self._keys[step.service], step.signature, _signed_bytes(event, steps[:index], step))
            except Integrity as error:
                raise InvalidEvent(
                    f"the step of {step.service} is not signed by it", reason_code="LINEAGE_FORGED"
                ) from error


def _signed_bytes(event: DocumentEvent, before: Sequence[LineageStep], step: LineageStep) -> bytes:
    """Length-prefixed fields, so that no two steps have the same bytes."""
    access = event.access
    fields = [
        _DOMAIN, event.tenant_id.encode(), event.document_id.encode(), str(event.document_version).encode(),
        event.operation.value.encode(), access.tier.name.encode(), _joined(each.encode() for each in access.groups),
        access.classification.value.encode(), str(event.retention_until).encode(), event.residency.encode(),
        event.content_sha256, before[-1].signature if before else b"",
        step.service.encode(), step.code_version.encode(), step.input_sha256, step.output_sha256,
    ]  # fmt: skip
    return _joined(fields)


def _joined(fields: Iterable[bytes]) -> bytes:
    return b"".join(len(each).to_bytes(4, "big") + each for each in fields)
