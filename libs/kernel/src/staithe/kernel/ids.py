"""Event ids: UUID version 7 (RFC 9562), so that ids sort by time and never repeat."""

import hashlib
import os
import uuid
from typing import Final

_RANDOM_BITS: Final = 74


def new_event_id(now_ms: int) -> str:
    """A UUIDv7 whose first 48 bits are `now_ms`, in the usual hyphenated form."""
    return _uuid7(now_ms, os.urandom(10))


def derived_event_id(ms: int, seed: bytes) -> str:
    """The same UUIDv7 for the same instant and seed, so that what is noted twice is one entry in the audit log."""
    return _uuid7(ms, hashlib.sha256(b"staithe/event-id/v1\0" + seed).digest()[:10])


def _uuid7(ms: int, random: bytes) -> str:
    noise = int.from_bytes(random) & ((1 << _RANDOM_BITS) - 1)
    value = (ms & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | (noise >> 62) << 64 | 0b10 << 62 | (noise & ((1 << 62) - 1))
    return str(uuid.UUID(int=value))
