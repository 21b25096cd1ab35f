"""`staithe scan --jsonl`: one JSON object a line in, one out, whatever the line holds."""

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from staithe.kernel.errors import InvalidEvent, StaitheError
from staithe.sanitization.engine import Engine
from staithe.sanitization.policy import DocumentLabels

LINE_BYTES_MAX: Final = 16 * 1024 * 1024
"""A text of TEXT_CHARACTERS_MAX with every character as a \\u escape is 3 MiB; one line must not fill the memory."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""JSON can spell half a character; no text has one, and it cannot be encoded."""


def scan_lines(engine: Engine, lines: BinaryIO, labels: DocumentLabels, *, text: bool) -> Iterator[dict[str, Any]]:
    """A result for each line; a line that cannot be scanned gives `{"line", "id"?, "error", "reason_code"}`."""
    for number, line in enumerate(_bounded(lines), start=1):
        if line.strip():
            yield _result(engine, line, number, labels, text=text)


def _bounded(lines: BinaryIO) -> Iterator[bytes]:
    """Lines of at most LINE_BYTES_MAX + 1 bytes; the rest of a longer one is passed over."""
    while line := lines.readline(LINE_BYTES_MAX + 1):
        yield line
        while len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
            line = lines.readline(LINE_BYTES_MAX + 1)


def _result(engine: Engine, line: bytes, number: int, labels: DocumentLabels, *, text: bool) -> dict[str, Any]:
    name: dict[str, Any] = {}
    try:
        given = _parsed(line)
        name = {"id": given["id"]} if "id" in given else {}
        if not isinstance(given.get("text"), str):
            raise InvalidEvent("the line has no `text` that is a string", reason_code="TEXT_MISSING")
        safe = engine.sanitize(given["text"], labels, document_id=str(given.get("id", "")))
    except StaitheError as error:
        return {"line": number, **name, "error": error.message, "reason_code": error.reason_code}
    findings = [
        {
            "entity": each.entity, "start": each.start, "end": each.end, "score": round(each.score, 3),
            "action": each.decision.action.value,
        }
        for each in safe.findings
    ]  # fmt: skip
    result: dict[str, Any] = {**name, "findings": findings, "verdict": safe.verdict.value}
    if safe.reason_codes:
        result["reason_codes"] = list(safe.reason_codes)
    return result | ({"text": safe.text} if text else {})


def _parsed(line: bytes) -> dict[str, Any]:
    if len(line) > LINE_BYTES_MAX:
        raise InvalidEvent("the line is too long", reason_code="LINE_TOO_LONG")
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent("the line is no JSON", reason_code="LINE_MALFORMED") from error
    if not isinstance(given, dict):
        raise InvalidEvent('the line is no object like {"id": …, "text": …}', reason_code="LINE_MALFORMED")
    if _SURROGATE.search(str(given.get("text"))):
        raise InvalidEvent("the text holds half a character (a lone surrogate)", reason_code="LINE_MALFORMED")
    return given
