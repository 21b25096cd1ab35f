"""Cosignatures: a witness's word that a checkpoint extends every one it saw before (C2SP tlog-cosignature, v1)."""

import struct
from typing import Final

from staithe.audit.notes import COSIGNATURE, KEY_ID_BYTES, NoteSigner, VerifierKey, signature_line, split_note
from staithe.kernel.crypto import signing
from staithe.kernel.errors import Integrity

_TIMESTAMP: Final = struct.Struct(">Q")


def cosign(note: bytes, key: VerifierKey, signer: NoteSigner, *, time_seconds: int) -> bytes:
    """`note` with one more line: the cosignature of `key`, in place of an older one of the same key.

    The caller has opened the note and checked that it extends what was cosigned before; this only signs.
    """
    text, signatures = split_note(note)
    lines = note.decode().rpartition("\n\n")[2].splitlines(keepends=True)
    others = [line for line, each in zip(lines, signatures, strict=True) if not _is_of(key, *each)]
    signature = signer.sign(_signed_text(text, time_seconds))
    mine = signature_line(key, _TIMESTAMP.pack(time_seconds) + signature)
    return f"{text}\n{''.join(others)}{mine}".encode()


def check_cosignature(note: bytes, key: VerifierKey) -> int:
    """When `key` cosigned the note, in seconds since the epoch; raises Integrity when it did not."""
    text, signatures = split_note(note)
    mine = [value[KEY_ID_BYTES:] for name, value in signatures if _is_of(key, name, value)]
    if not mine:
        raise Integrity("the checkpoint is not cosigned by the given witness", reason_code="COSIGNATURE_MISSING")
    times = [_check_one(text, value, key) for value in mine]
    return max(times)


def _check_one(text: str, value: bytes, key: VerifierKey) -> int:
    try:
        (time_seconds,) = _TIMESTAMP.unpack(value[: _TIMESTAMP.size])
        signing.verify(key.public_key, value[_TIMESTAMP.size :], _signed_text(text, time_seconds))
    except (struct.error, Integrity) as error:
        raise Integrity("the witness's cosignature is wrong", reason_code="COSIGNATURE_INVALID") from error
    return int(time_seconds)


def _signed_text(text: str, time_seconds: int) -> bytes:
    return f"cosignature/v1\ntime {time_seconds}\n{text}".encode()


def _is_of(key: VerifierKey, name: str, value: bytes) -> bool:
    return key.kind == COSIGNATURE and name == key.name and value[:KEY_ID_BYTES] == key.key_id
