"""JSON to text as `path: value` lines, read strictly (RFC 8259 within I-JSON, RFC 7493).

What two readers could understand differently is refused: duplicate keys, NaN, numbers beyond range, half surrogates.
"""

import json
import math
import re
from typing import Any, Final, NoReturn

from staithe.ingestion.parsers.document import ParsedDocument, TextCollector, one_line
from staithe.ingestion.parsers.encoding import decode_text
from staithe.ingestion.parsers.limits import JSON_DEPTH_MAX, JSON_NUMBER_CHARACTERS_MAX, TITLE_CHARACTERS_MAX
from staithe.ingestion.parsers.reasons import refusal
from staithe.ingestion.parsers.sniff import JSON

# A string to its end (or, unclosed, to the end of the text, so that the scan stays linear), or a bracket.
_DEPTH_TOKEN: Final = re.compile(r"\"[^\"\\]*+(?:\\.[^\"\\]*+)*+(?:\"|\\?\Z)|[\[\]{}]", re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Number(str):
    """A number as it was written: amounts and identifiers keep their digits."""

    __slots__ = ()


def parse_json(content: bytes, charset: str | None) -> ParsedDocument:
    """Lines `path: value`; nulls and empty values are left out. Raises the JSON_ reasons."""
    text = decode_text(content, charset)
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise refusal("JSON_INVALID") from error
    collector = TextCollector()
    _render(collector, "", value)
    return ParsedDocument(collector.text(), _title(value), JSON)


def _check_depth(text: str) -> None:
    """Before json.loads, whose C scanner recurses."""
    depth = 0
    for token in _DEPTH_TOKEN.finditer(text):
        mark = token[0]
        if mark in {"[", "{"}:
            depth += 1
            if depth > JSON_DEPTH_MAX:
                raise refusal("JSON_TOO_DEEP")
        elif mark in {"]", "}"}:
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise refusal("JSON_DUPLICATE_KEY")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise refusal("JSON_NUMBER_INVALID")


def _integer(digits: str) -> _Number:
    if len(digits) > JSON_NUMBER_CHARACTERS_MAX:
        raise refusal("JSON_NUMBER_INVALID")
    return _Number(digits)


def _float(digits: str) -> _Number:
    if len(digits) > JSON_NUMBER_CHARACTERS_MAX or not math.isfinite(float(digits)):
        raise refusal("JSON_NUMBER_INVALID")
    return _Number(digits)


def _render(collector: TextCollector, path: str, value: Any) -> None:
    """Depth is bounded by JSON_DEPTH_MAX, so this may recurse. An object in a list ends with a blank line."""
    match value:
        case dict():
            for key, member in value.items():
                # Most keys are plain words; of a million the long way takes two seconds.
                plain = key.isalnum() and len(key) <= TITLE_CHARACTERS_MAX
                name = key if plain else one_line(_sound(key))
                _render(collector, f"{path}.{name}" if path else name, member)
        case list():
            for number, item in enumerate(value, start=1):
                _render(collector, f"{path}[{number}]", item)
                if isinstance(item, dict):
                    collector.add("\n")
        case bool():
            _line(collector, path, "true" if value else "false")
        case str():
            _line(collector, path, _sound(value))


def _line(collector: TextCollector, path: str, text: str) -> None:
    if text.strip():
        collector.add(f"{path}: {text}\n" if path else f"{text}\n")


def _sound(text: str) -> str:
    if _SURROGATE.search(text):
        raise refusal("JSON_SURROGATE")
    return text


def _title(value: Any) -> str | None:
    title = value.get("title") if isinstance(value, dict) else None
    return one_line(title) or None if isinstance(title, str) else None
