"""Estimates, before HTML is parsed, how many elements are open at once: their cost grows with the square. Pure."""

import re
from typing import Final

from staithe.ingestion.parsers.limits import HTML_OPEN_MAX
from staithe.ingestion.parsers.reasons import refusal

_TAG: Final = re.compile(r"<!--|<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)")
_RAW: Final = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
"""What stands in them is no markup."""
_CLOSED_SOON: Final = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
    "p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "rp", "rt",
    "path", "circle", "rect", "line", "polygon", "polyline", "ellipse", "stop", "use", "image",
})  # fmt: skip
"""Without content, closed by the next of their kind, or drawings that are written with a slash at their end."""


def check_open_elements(markup: str) -> None:
    """Raises HTML_TOO_COMPLEX when more than HTML_OPEN_MAX elements seem to be open at once.

    An estimate: each end tag closes the last open element, whatever its name. What it lets pass wrongly ends at the
    limit on processor time.
    """
    if markup.count("<") - 2 * markup.count("</") > HTML_OPEN_MAX and _most_open(markup.lower()) > HTML_OPEN_MAX:
        raise refusal("HTML_TOO_COMPLEX")


def _most_open(markup: str) -> int:
    position = is_open = most = 0
    while (tag := _TAG.search(markup, position)) is not None:
        position, name = tag.end(), tag["name"]
        if name is None or (name in _RAW and not tag["end"]):
            closing = "-->" if name is None else f"</{name}"
            position = markup.find(closing, position) + len(closing)
            if position < len(closing):
                break
        elif tag["end"]:
            is_open = max(0, is_open - (name not in _CLOSED_SOON))
        elif name not in _CLOSED_SOON:
            is_open += 1
            most = max(most, is_open)
    return most
