# ruff: noqa: E501 (markup in a line of its own)
"""Small writers of good documents in every format, so that no binary fixture lies in the repository."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Final

DOCX_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CONTENT_TYPES: Final = (
    b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    b'wordprocessingml.document.main+xml"/></Types>'
)
WORD_NAMESPACE: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def zip_bytes(entries: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these entries, in this order."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return target.getvalue()


def word_part(body: str, root: str = "document") -> bytes:
    """A WordprocessingML part; `body` is markup inside w:body (or inside the root of another part)."""
    inner = f"<w:body>{body}</w:body>" if root == "document" else body
    return f'<?xml version="1.0"?><w:{root} xmlns:w="{WORD_NAMESPACE}">{inner}</w:{root}>'.encode()


def paragraph(text: str, run_properties: str = "", style: str = "") -> str:
    """A w:p with one run."""
    of_paragraph = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    of_run = f"<w:rPr>{run_properties}</w:rPr>" if run_properties else ""
    return f"<w:p>{of_paragraph}<w:r>{of_run}<w:t>{text}</w:t></w:r></w:p>"


def docx_bytes(body: str = paragraph("Delivery takes ten days."), more: Mapping[str, bytes] | None = None) -> bytes:
    """A minimal Word document with further parts."""
    parts = {"[Content_Types].xml": CONTENT_TYPES, "word/document.xml": word_part(body)}
    return zip_bytes({**parts, **(more or {})})


def pdf_objects(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of numbered objects, the first being the catalogue, with a correct cross-reference table."""
    content, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return content + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        size, table, size, trailer, len(content),
    )  # fmt: skip


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), entries, content)


def show_text(line: str, height: int = 700, operators: str = "/F1 12 Tf") -> str:
    """Operators that draw one line of text."""
    return f"BT {operators} 72 {height} Td ({line}) Tj ET\n"


def pdf_bytes(pages: Sequence[str] = (show_text("Delivery takes ten days."),), trailer: bytes = b"") -> bytes:
    """A PDF with one content stream a page; pages are operators as `show_text` writes them."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, operators in enumerate(pages):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
            % (5 + 2 * number)
        )
        objects.append(stream(operators.encode("cp1252")))
    return pdf_objects(objects, trailer)


def mail_bytes(body: str = "The delivery takes ten days.", headers: str = "") -> bytes:
    """A plain-text mail; `headers` are whole lines that replace the MIME headers."""
    mime = headers or "Content-Type: text/plain; charset=utf-8\n"
    return (
        "From: Ann <ann@harbour.example>\nTo: Bo <bo@harbour.example>\nSubject: Delivery\n"
        f"Date: Mon, 05 Jan 2026 10:00:00 +0000\nMIME-Version: 1.0\n{mime}\n{body}\n"
    ).encode()
