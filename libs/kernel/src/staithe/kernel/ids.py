"""Event ids: UUID version 7 (RFC 9562), so that ids sort by time and never repeat."""

import os
import uuid
from typing import Final

_RANDOM_BITS: Final = 74


def new_event_id(now_ms: int) -> str:
    """A UUIDv7 whose first 48 bits are `now_ms`, in the usual hyphenated form."""
    noise = int.from_bytes(os.urandom(10)) & ((1 << _RANDOM_BITS) - 1)
    value = (now_ms & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | (noise >> 62) << 64 | 0b10 << 62 | (noise & ((1 << 62) - 1))
    return str(uuid.UUID(int=value))
