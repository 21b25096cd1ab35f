"""HTML put together from parts: every text is escaped unless it is markup that this module made."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

_VOID: Final = frozenset({"input", "link", "meta", "br"})


NOTHING: Final = "\u2013"
"""Stands where there is no value."""


class Html(str):
    """Markup; only `element` and `joined` make it."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | bool | None) -> Html:
    """An element with its children in order. `class_` is `class`; False and None leave an attribute out."""
    given = "".join(
        f" {_attribute(key)}" if value is True else f' {_attribute(key)}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{tag}{given}>" if tag in _VOID else f"<{tag}{given}>{joined(*children)}</{tag}>")


def joined(*parts: str) -> Html:
    """The parts one after the other."""
    return Html("".join(each if isinstance(each, Html) else escape(each) for each in parts))


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> Html:
    """A table, or in its place a sentence that says why there is none."""
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    if not body:
        return element("p", empty, class_="empty")
    head = element("tr", *(element("th", each, scope="col") for each in headings))
    shown = element(
        "table", element("caption", caption), element("thead", head), element("tbody", *body)
    )  # fmt: skip
    # Focusable, so that a wide table can be scrolled with the keys alone.
    return element("div", shown, class_="wide", tabindex="0", role="region", aria_label=caption)


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and values beside each other."""
    return element("dl", *(joined(element("dt", name), element("dd", value)) for name, value in pairs))


def field(label: str, name: str, value: str = "", **attributes: str | bool | None) -> Html:
    """A labelled input."""
    key = f"field-{name}"
    return element(
        "p", element("label", label, for_=key), element("input", id=key, name=name, value=value, **attributes)
    )


def choice(label: str, name: str, options: Iterable[tuple[str, str]], chosen: str) -> Html:
    """A labelled choice of values, each with its words."""
    key = f"field-{name}"
    shown = (element("option", words, value=value, selected=value == chosen) for value, words in options)
    return element("p", element("label", label, for_=key), element("select", *shown, id=key, name=name))


def moment(ms: int) -> Html:
    """An instant in UTC, to the millisecond."""
    told = datetime.fromtimestamp(ms / 1000, UTC)
    return element("time", f"{told:%Y-%m-%d %H:%M:%S}.{ms % 1000:03}", datetime=told.isoformat())


def digest(value: bytes | None) -> Html:
    """The beginning of a digest, all of it on request."""
    text = value.hex() if value else ""
    return element("code", text[:12] + ("…" if text else NOTHING), title=text or None)
