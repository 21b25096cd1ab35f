"""A look at content that should not be looked at: cut short, and masked by the detectors of sanitization.

What they do not find stays visible; when they cannot answer, nothing is shown.
"""

from dataclasses import fields
from typing import Any, Final

from staithe.kernel.events import Event
from staithe.sanitization.build import masking_engine
from staithe.sanitization.policy import DocumentLabels

WINDOW_CHARACTERS_MAX: Final = 16 * 1024
"""What is masked before it is cut: more than a finding is long, so that none is cut in two at the preview's end."""
PREVIEW_CHARACTERS_MAX: Final = 1_200
WITHHELD: Final = "(withheld: the detectors could not check it)"


def masked(text: str) -> str:
    """The beginning of `text` with findings replaced by their kind, safe to print on a terminal."""
    try:
        clean = masking_engine().sanitize(_printable(text[:WINDOW_CHARACTERS_MAX]), DocumentLabels("")).text
    except Exception:  # noqa: BLE001 - whatever it was: unchecked text is not shown
        return WITHHELD
    return clean[:PREVIEW_CHARACTERS_MAX] + ("…" if len(clean) > PREVIEW_CHARACTERS_MAX else "")


def readable(event: Event | None, value: bytes | None) -> str:
    """An event's fields as lines, or the record's bytes as far as they are text."""
    if event is None:
        return _printable((value or b"").decode(errors="replace"))
    return "\n".join(f"{each.name}: {_shown(each.name, getattr(event, each.name))}" for each in fields(event))


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        return _printable(value.decode(errors="replace")) if name == "content" else f"({len(value)} bytes)"
    if isinstance(value, tuple) and value and not isinstance(value[0], str):
        return f"({len(value)} of them)"
    return _printable(str(value))


def _printable(text: str) -> str:
    """Without characters that a terminal would obey."""
    return "".join(each if each.isprintable() or each in "\n\t" else "·" for each in text)
