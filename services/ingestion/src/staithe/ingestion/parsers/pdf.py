"""PDF to text with PDFium. Encrypted files are refused; scripts and attachments are counted, never run or opened.

Text drawn in white, in no size, beside the page or in the invisible mode stays in the text, for scanned pages carry
their recognised text exactly so; its amount is reported as `faint_characters`, and the sanitization policy judges it.
"""

import ctypes
import itertools
from typing import Any, Final

import pypdfium2 as pdfium
from pypdfium2 import raw

from staithe.ingestion.parsers.document import ParsedDocument, TextCollector, one_line
from staithe.ingestion.parsers.limits import PDF_PAGE_OBJECTS_MAX, PDF_PAGES_MAX
from staithe.ingestion.parsers.reasons import refusal
from staithe.ingestion.parsers.sniff import PDF

_NOT_ENCRYPTED: Final = -1
# A word broken at a line end: PDFium writes U+FFFE for the hyphen it takes as soft.
_SOFT_BREAK: Final = ("\ufffe\r\n", "\ufffe\n", "\ufffe")
_POINTS_READABLE_MIN: Final = 2.0
_CHANNEL_NEAR_WHITE: Final = 250
_ALPHA_SEEN_MIN: Final = 8


def parse_pdf(content: bytes, charset: str | None = None) -> ParsedDocument:  # noqa: ARG001 (one shape for all parsers)
    """Text of all pages, a blank line between them.

    Raises PDF_ENCRYPTED (also where the user password is empty), PDF_TOO_MANY_PAGES, PDF_INVALID, TEXT_TOO_LARGE.
    """
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        encrypted = raw.FPDF_GetLastError() in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}
        raise refusal("PDF_ENCRYPTED" if encrypted else "PDF_INVALID") from error
    try:
        return _read(document)
    except pdfium.PdfiumError as error:
        raise refusal("PDF_INVALID") from error
    finally:
        document.close()


def _read(document: Any) -> ParsedDocument:
    if raw.FPDF_GetSecurityHandlerRevision(document.raw) != _NOT_ENCRYPTED:
        raise refusal("PDF_ENCRYPTED")
    pages = len(document)
    if pages > PDF_PAGES_MAX:
        raise refusal("PDF_TOO_MANY_PAGES")
    if pages == 0:
        raise refusal("PDF_INVALID")
    collector, faint = TextCollector(), 0
    for number in range(pages):
        page = document[number]
        text_page = page.get_textpage()
        collector.add(_joined(text_page.get_text_range()) + "\n\n")
        faint += _faint_characters(page, text_page)
        text_page.close()
        page.close()
    signals = {
        "pages": pages,
        "faint_characters": faint,
        "embedded_files": max(0, raw.FPDFDoc_GetAttachmentCount(document.raw)),
        "active_content": max(0, raw.FPDFDoc_GetJavaScriptActionCount(document.raw)),
    }
    return ParsedDocument(collector.text(), _title(document), PDF, signals)


def _joined(text: str) -> str:
    for soft_break in _SOFT_BREAK:
        text = text.replace(soft_break, "")
    return text


def _title(document: Any) -> str | None:
    return one_line(document.get_metadata_value("Title")) or None


def _faint_characters(page: Any, text_page: Any) -> int:
    objects = page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT], max_depth=2)
    seen = page.get_bbox()
    return sum(
        _length(text_object, text_page)
        for text_object in itertools.islice(objects, PDF_PAGE_OBJECTS_MAX)
        if _is_faint(text_object.raw, seen)
    )


def _is_faint(text_object: Any, seen: tuple[float, float, float, float]) -> bool:
    """Whether no reader sees the text; `seen` is the page's visible part: left, bottom, right, top."""
    if raw.FPDFTextObj_GetTextRenderMode(text_object) in {
        raw.FPDF_TEXTRENDERMODE_INVISIBLE,
        raw.FPDF_TEXTRENDERMODE_CLIP,
    }:
        return True
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if raw.FPDFPageObj_GetBounds(text_object, left, bottom, right, top):
        sides = (abs(right.value - left.value), abs(top.value - bottom.value))
        beside = left.value > seen[2] or right.value < seen[0] or bottom.value > seen[3] or top.value < seen[1]
        if beside or max(sides) < _POINTS_READABLE_MIN:
            return True
    size = ctypes.c_float()
    if raw.FPDFTextObj_GetFontSize(text_object, size) and _drawn_size(text_object, size.value) < _POINTS_READABLE_MIN:
        return True
    channels = [ctypes.c_uint() for _ in range(4)]
    if not raw.FPDFPageObj_GetFillColor(text_object, *channels):
        return False
    *colours, alpha = (channel.value for channel in channels)
    return alpha < _ALPHA_SEEN_MIN or min(colours) >= _CHANNEL_NEAR_WHITE


def _drawn_size(text_object: Any, font_size: float) -> float:
    """Font size after the text matrix: `1 Tf` under a matrix of 12 is drawn at 12 points."""
    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(text_object, matrix):
        return font_size
    return float(font_size * max(abs(matrix.a), abs(matrix.b), abs(matrix.c), abs(matrix.d)))


def _length(text_object: Any, text_page: Any) -> int:
    """Characters of a text object: FPDFTextObj_GetText counts UTF-16 bytes with a closing NUL."""
    size = raw.FPDFTextObj_GetText(text_object.raw, text_page.raw, None, 0)
    return max(0, int(size) // 2 - 1)
