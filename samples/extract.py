"""Plain text of a sample file, with the standard library only, for the checks of the corpus.

This is not the product's parser: it trusts its input, and reads only PDF files that pdf_writer.py wrote.
"""

import email
import html
import html.parser
import json
import re
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default as email_policy
from pathlib import Path

_SHOWN = re.compile(rb"\(((?:\\.|[^\\()])*)\) Tj")
_ESCAPED = re.compile(rb"\\(\d{3}|.)")
_HIDDEN_ELEMENT = re.compile(r'<(\w+)[^>]*(?:style="[^"]*display:none[^"]*"|class="quiet")[^>]*>.*?</\1>', re.DOTALL)


def plain_text(path: Path) -> str:
    """Return the visible text of a file, every run of whitespace as one space.

    Raises ValueError for a suffix that the corpus does not use.
    """
    return " ".join(_raw_text(path).split())


def _raw_text(path: Path) -> str:
    suffix = path.suffix
    if suffix == ".pdf":
        return _pdf_text(path.read_bytes())
    if suffix == ".docx":
        return _docx_text(path)
    text = path.read_text(encoding="utf-8")
    if suffix == ".html":
        return _html_text(text)
    if suffix == ".json":
        return "\n".join(_strings(json.loads(text)))
    if suffix == ".eml":
        return _mail_text(text)
    if suffix in {".md", ".txt", ".csv"}:
        return text
    raise ValueError(f"no extraction for {suffix}")


def _pdf_text(content: bytes) -> str:
    def unescape(match: re.Match[bytes]) -> bytes:
        return bytes([int(match[1], 8)]) if match[1].isdigit() else match[1]

    lines = (_ESCAPED.sub(unescape, shown[1]).decode("cp1252") for shown in _SHOWN.finditer(content))
    return "\n".join(lines)


def _docx_text(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        document = archive.read("word/document.xml").decode("utf-8")
    return html.unescape(re.sub(r"<[^>]+>", "", document.replace("</w:p>", "\n")))


class _TextOfHtml(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.skipping = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.skipping = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self.skipping = False
        if tag in {"p", "li", "td", "th", "h1", "h2", "summary"}:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.parts.append(data)


def _html_text(text: str) -> str:
    parser = _TextOfHtml()
    parser.feed(_HIDDEN_ELEMENT.sub("", text))
    parser.close()
    return "".join(parser.parts)


def _mail_text(text: str) -> str:
    message = email.message_from_string(text, _class=EmailMessage, policy=email_policy)
    body = message.get_body(preferencelist=("plain", "html"))
    return f"{message['Subject']}\n{body.get_content() if body else ''}"


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif value is not None:
        yield str(value)
