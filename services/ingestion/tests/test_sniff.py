"""Declared types are believed only when the bytes agree."""

import pytest
from document_samples import DOCX_TYPE, docx_bytes, mail_bytes, pdf_bytes, zip_bytes

from staithe.ingestion.parsers import sniff
from staithe.ingestion.parsers.limits import DOCUMENT_BYTES_MAX
from staithe.kernel.errors import InvalidEvent

GOOD = {
    "text/plain": b"Words.",
    "text/markdown": b"# Words",
    "text/html": b"<p>Words</p>",
    "text/csv": b"a,b\n1,2\n",
    "application/json": b' {"a": 1}',
    "application/pdf": pdf_bytes(),
    DOCX_TYPE: docx_bytes(),
    "message/rfc822": mail_bytes(),
}
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def reason(content: bytes, declared: str) -> str:
    with pytest.raises(InvalidEvent) as caught:
        sniff.check(content, declared)
    return caught.value.reason_code


@pytest.mark.parametrize("declared", GOOD)
def test_a_true_type_is_accepted(declared: str) -> None:
    assert sniff.check(GOOD[declared], declared).content_type == declared


def test_parameters_and_aliases_are_read() -> None:
    assert sniff.check(b"x", 'Text/Plain; charset="ISO-8859-1"') == sniff.Declared("text/plain", "iso-8859-1")
    assert sniff.check(b"x", "text/x-markdown").content_type == "text/markdown"


@pytest.mark.parametrize(
    "declared",
    ["", "text", "image/png", "application/zip", "application/octet-stream", "application/msword", "text/xml",
     "text/plain\r\nX: y", "text/plain; charset=a b", "text/" + "a" * 5000, "text/plain" + ";a=b" * 60, "téxt/plain",
     "text/plain; charset=utf-8; charset=koi8-r", 'text/plain; x="\n"', 'text/plain; x="\udcff"'],
)  # fmt: skip
def test_other_types_are_refused(declared: str) -> None:
    assert reason(b"x", declared) == "CONTENT_TYPE_UNSUPPORTED"


@pytest.mark.parametrize("declared", GOOD)
def test_no_bytes_are_refused(declared: str) -> None:
    assert reason(b"", declared) == "DOCUMENT_EMPTY"


def test_a_document_over_the_limit_is_refused() -> None:
    assert reason(bytes(DOCUMENT_BYTES_MAX + 1), "text/plain") == "DOCUMENT_TOO_LARGE"


@pytest.mark.parametrize(
    ("declared", "content"),
    [
        *((declared, PNG) for declared in GOOD),
        *((declared, b"\x7fELF\x02\x01\x01") for declared in GOOD),
        *((declared, GOOD["application/pdf"]) for declared in GOOD if declared != "application/pdf"),
        *((declared, GOOD[DOCX_TYPE]) for declared in GOOD if declared != DOCX_TYPE),
        ("text/plain", b"<!-- a --> <!DOCTYPE html><p>x"),
        ("text/markdown", b"\xef\xbb\xbf <HTML lang=en>"),
        ("text/csv", b"<html><td>1</td></html>"),
        ("text/csv", b'{"a": 1}'),
        ("text/plain", b"{\\rtf1 x}"),
        ("text/plain", b"abc\x00def"),
        ("text/html", b"just words < and >"),
        ("text/html", mail_bytes("<p>x</p>")),
        ("application/json", b"key: value"),
        ("message/rfc822", b"Hello: world\n\nbody"),
        ("message/rfc822", b"no header here\n\nFrom: x"),
        ("application/pdf", b"junk" + pdf_bytes()),
        ("application/pdf", pdf_bytes() + zip_bytes({"a": b"b"})),
        (DOCX_TYPE, docx_bytes() + b"trailing"),
        (DOCX_TYPE, b"MZ" + docx_bytes()),
        (DOCX_TYPE, zip_bytes({"%PDF-1.7": b"x", "word/document.xml": b"x"})),
    ],
)
def test_a_lying_type_is_refused(declared: str, content: bytes) -> None:
    assert reason(content, declared) == "CONTENT_TYPE_MISMATCH"


def test_a_page_of_comments_is_sniffed_at_once() -> None:
    sniff.check(b"<!-- -->" * 8000, "text/plain")


def test_a_charset_inside_a_quoted_value_is_none() -> None:
    assert sniff.read_declared('text/plain; x="; charset=utf-7"').charset is None
    assert sniff.read_declared('text/plain; x=y; charset="UTF-8"').charset == "utf-8"
