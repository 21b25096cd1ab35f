"""Every failure Staithe knows, as one tree: the class decides the fate of the event or the process.

    StaitheError
    ├── InvalidEvent         this event can never succeed   → dead letter, neighbours go on
    ├── Erased               its document was erased        → ends here, audited; nothing is written
    ├── Unavailable          a dependency cannot answer now → retry in place, nothing is skipped
    ├── AccessDenied         a peer refused our identity    → stop, audit, alert
    ├── Integrity            a proof does not hold          → stop, audit, alert
    └── ConfigurationError   the installation is wrong      → exit 2 with one line that says what to do

A message carries place and reason, never content: logs and dead letters outlive permissions.
"""

import re
from typing import Final

_REASON_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


class StaitheError(Exception):
    """Base of all failures. `reason_code` is stable and UPPER_SNAKE; `message` says where and what to do."""

    default_reason_code = "INTERNAL"

    def __init__(self, message: str, *, reason_code: str | None = None) -> None:
        super().__init__(message)
        code = reason_code or self.default_reason_code
        if not _REASON_CODE.fullmatch(code):
            raise ValueError(f"reason code must be UPPER_SNAKE, 2 to 64 characters: {code!r}")
        self.reason_code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason_code}: {self.message}"


class InvalidEvent(StaitheError):
    """The event can never be processed; it goes to the dead-letter topic of its input."""

    default_reason_code = "INVALID_EVENT"


class Erased(StaitheError):
    """The event is about a version that was erased: it ends here, and only its audit event says so."""

    default_reason_code = "DOCUMENT_ERASED"


class Unavailable(StaitheError):
    """A dependency cannot answer now; the caller retries in place with backoff and skips nothing."""

    default_reason_code = "UNAVAILABLE"


class AccessDenied(StaitheError):
    """A peer refused our identity or our right; the process stops rather than guess."""

    default_reason_code = "ACCESS_DENIED"


class Integrity(StaitheError):
    """A hash, signature or proof does not hold; the process stops rather than pass it on."""

    default_reason_code = "INTEGRITY"


class ConfigurationError(StaitheError):
    """The installation is wrong; the message is one line that says what to do about it."""

    default_reason_code = "CONFIGURATION"
