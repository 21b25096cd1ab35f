# ruff: noqa: E501 (a table: one case reads best on one line)
"""Hostile PDFs: trees and tables that loop, streams that swell, actions, fonts and boxes beyond all measure."""

import zlib
from typing import Final

from document_samples import docx_bytes, pdf_bytes, pdf_objects, show_text, stream
from hostile_cases import MIB, PARSED, PDF, SMUGGLED, STOPPED, Hostile, case
from hostile_writers import pdf_tree

_CATALOGUE: Final = b"<</Type/Catalog/Pages 2 0 R>>"
_ONE_KID: Final = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
_FONT: Final = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
_ANYTHING: Final = ("TEXT_EMPTY", "PDF_INVALID", PARSED)


def _page(entries: bytes = b"", box: bytes = b"0 0 612 792") -> bytes:
    return b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>%s>>" % (box, entries)


def _drawn(
    content: bytes, filters: bytes = b"", *, font: bytes = _FONT, page: bytes | None = None,
    catalogue: bytes = _CATALOGUE, more: tuple[bytes, ...] = (), trailer: bytes = b"",
) -> bytes:  # fmt: skip
    """One page whose content stream, font, page, catalogue or further objects (from 6 on) are hostile."""
    content_stream = stream(content, filters)
    return pdf_objects([catalogue, _ONE_KID, page or _page(), content_stream, font, *more], trailer)


_SEEN: Final = show_text("Delivery takes ten days.").encode()


def _acting(action: bytes) -> bytes:
    return _drawn(_SEEN, catalogue=_CATALOGUE[:-2] + b"/OpenAction 6 0 R>>", more=(action,))


def _annotated(annotation: bytes) -> bytes:
    return _drawn(_SEEN, page=_page(b"/Annots[6 0 R]"), more=(annotation,))


def _embedded() -> bytes:
    names = b"<</Names[(a) 7 0 R]>>"
    file = b"<</Type/Filespec/F(../../a.exe)/EF<</F 8 0 R>>>>"
    catalogue = _CATALOGUE[:-2] + b"/Names<</EmbeddedFiles 6 0 R>>>>"
    return _drawn(
        _SEEN, catalogue=catalogue, more=(names, file, stream(b"MZ" + SMUGGLED.encode(), b"/Type/EmbeddedFile"))
    )


def _object_stream(content: bytes, count: int, first: int, entries: bytes = b"") -> bytes:
    packed = zlib.compress(content)
    head = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode%s" % (count, first, entries)
    return _drawn(_SEEN, more=(stream(packed, head), b"6 0 R"))


def _table_stream(widths: bytes, size: int, content: bytes, entries: bytes = b"") -> bytes:
    """A document whose cross-reference is a stream."""
    body = b"%PDF-1.7\n1 0 obj\n" + _CATALOGUE + b"\nendobj\n"
    head = b"/Type/XRef/Root 1 0 R/W[%s]/Size %d/Filter/FlateDecode%s" % (widths, size, entries)
    at = len(body)
    return body + b"9 0 obj\n" + stream(zlib.compress(content), head) + b"\nendobj\nstartxref\n%d\n%%%%EOF" % at


def _previous(offset: int) -> bytes:
    return pdf_bytes(trailer=b"/Prev %d" % offset)


def _table_loop() -> bytes:
    """The cross-reference table is its own predecessor."""
    whole = pdf_bytes(trailer=b"/Prev 00000")
    return whole.replace(b"/Prev 00000", b"/Prev %05d" % whole.rindex(b"xref\n0 "))


def _without_table() -> bytes:
    whole = pdf_bytes()
    return whole[: whole.rindex(b"xref\n0 ")]


def _updated(times: int) -> bytes:
    """So many updates at the end, each with a table of its own."""
    whole = pdf_bytes()
    for _ in range(times):
        before, at = whole.rindex(b"xref\n0 ") if b"Prev" not in whole else whole.rindex(b"xref\n1 "), len(whole)
        update = b"xref\n1 1\n0000000009 00000 n \ntrailer\n<</Size 6/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
        whole += update % (before, at)
    return whole


def _deep_tree(depth: int) -> bytes:
    nodes = [b"<</Type/Pages/Parent %d 0 R/Kids[%d 0 R]/Count 1>>" % (n - 1, n + 1) for n in range(3, 3 + depth)]
    return pdf_objects(
        [_CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", *nodes, b"<</Type/Page/MediaBox[0 0 9 9]>>"]
    )


def _many_pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % (n + 3) for n in range(count))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    return pdf_objects([_CATALOGUE, b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count), *([page] * count)])


def _mapped(cmap: bytes) -> bytes:
    """A font whose map to Unicode is this."""
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>"
    return _drawn(_SEEN, font=font, more=(stream(cmap),))


def _composite(encoding: bytes, descendant: bytes = b"7 0 R") -> bytes:
    font = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding %s/DescendantFonts[%s]>>" % (encoding, descendant)
    cid = b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(A)/Ordering(B)/Supplement 0>>>>"
    return _drawn(b"BT /F1 12 Tf 72 700 Td <00410042> Tj ET", font=font, more=(stream(b"begincmap 1 usecmap"), cid))


def _forms(levels: int, times: int) -> bytes:
    """Each form draws the next so often: levels multiply."""
    forms = []
    for level in range(levels):
        below = b"/X Do " * times if level < levels - 1 else b"0 0 1 1 re f"
        forms.append(
            stream(below, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>" % (7 + level))
        )
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</X 6 0 R>>>>>>"
    return _drawn(b"/X Do", page=page, more=tuple(forms))


_TREES: Final = (
    case("2,001 pages", PDF, lambda: _many_pages(2_001), "PDF_TOO_MANY_PAGES"),
    case("2,000 pages without text", PDF, lambda: _many_pages(2_000), "TEXT_EMPTY", "PARSER_TIMEOUT"),
    case("page tree 5,000 deep", PDF, lambda: _deep_tree(5_000), "TEXT_EMPTY", "PDF_INVALID", "PARSER_CRASHED"),
    case("page tree that holds the catalogue", PDF, lambda: pdf_tree(b"1 0 R", 1), "TEXT_EMPTY", "PDF_INVALID"),
    case("kids that do not exist", PDF, lambda: pdf_tree(b"99 0 R " * 50, 50), "TEXT_EMPTY", "PDF_INVALID"),
    case("fewer than no pages", PDF, lambda: pdf_tree(b"3 0 R", -5), "TEXT_EMPTY"),
    case("no pages", PDF, lambda: pdf_tree(b"", 0), "PDF_INVALID", "TEXT_EMPTY"),
    case("no catalogue", PDF, lambda: pdf_objects([b"<</Type/Nothing>>"]), "PDF_INVALID"),
    case("catalogue that is itself its pages", PDF, lambda: pdf_objects([b"<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 9>>"]), "PDF_INVALID", "TEXT_EMPTY"),
    case("box of 10^38 points", PDF, lambda: _drawn(_SEEN, page=_page(box=b"0 0 1e38 99999999999999999999999999999999999999")), PARSED),
    case("box that is no box", PDF, lambda: _drawn(_SEEN, page=_page(box=b"(a) /b null")), PARSED),
    case("page turned by 2^31", PDF, lambda: _drawn(_SEEN, page=_page(b"/Rotate 2147483648/UserUnit -1e30")), PARSED),
    case("content that is the page", PDF, lambda: _drawn(_SEEN, page=_page().replace(b"4 0 R", b"3 0 R")), "TEXT_EMPTY"),
    case("50,000 contents for one page", PDF, lambda: _drawn(_SEEN, page=_page().replace(b"4 0 R", b"[" + b"4 0 R " * 50_000 + b"]")), PARSED, "TEXT_TOO_LARGE", *STOPPED),
    case("outline that loops", PDF, lambda: _drawn(_SEEN, catalogue=_CATALOGUE[:-2] + b"/Outlines 6 0 R>>", more=(b"<</First 6 0 R/Last 6 0 R/Next 6 0 R/Title(SMUGGLED)>>",)), PARSED),
)  # fmt: skip
_TABLES: Final = (
    case("table that precedes itself", PDF, _table_loop, PARSED, "PDF_INVALID"),
    case("table before the file", PDF, lambda: _previous(-1), PARSED, "PDF_INVALID"),
    case("table past the file", PDF, lambda: _previous(2**40), PARSED, "PDF_INVALID"),
    case("no table at all", PDF, _without_table, PARSED, "PDF_INVALID"),
    case("1,000 updates", PDF, lambda: _updated(1_000), PARSED, "PDF_INVALID"),
    case("table of 2^31 entries", PDF, lambda: pdf_bytes().replace(b"xref\n0 6", b"xref\n0 2147483647"), PARSED, "PDF_INVALID"),
    case("table stream of 2^31 entries", PDF, lambda: _table_stream(b"1 2 1", 2**31 - 1, bytes(99)), "PDF_INVALID"),
    case("table stream of endless width", PDF, lambda: _table_stream(b"2147483647 2147483647 1", 5, bytes(99)), "PDF_INVALID"),
    case("table stream that is a bomb", PDF, lambda: _table_stream(b"1 2 1", 9, bytes(50 * MIB)), "PDF_INVALID", *STOPPED),
    case("table stream before the first", PDF, lambda: _table_stream(b"1 2 1", 9, bytes(99), b"/Index[-5 2147483647]"), "PDF_INVALID"),
    case("object stream that is a bomb", PDF, lambda: _object_stream(b"7 0 " + b"[" * (20 * MIB), 1, 4), PARSED, "PDF_INVALID", *STOPPED),
    case("object stream that extends itself", PDF, lambda: _object_stream(b"7 0 null", 1, 4, b"/Extends 6 0 R"), PARSED, "PDF_INVALID"),
    case("object stream of 2^31 objects", PDF, lambda: _object_stream(b"7 0 null", 2**31 - 1, 2**31 - 1), PARSED, "PDF_INVALID"),
    case("object that is a reference to itself", PDF, lambda: _drawn(_SEEN, page=_page(b"/Resources 6 0 R"), more=(b"6 0 R",)), PARSED),
    case("object number past all", PDF, lambda: _drawn(_SEEN, page=_page(b"/Tabs 4294967295 65535 R")), PARSED),
    case("stream whose length is itself", PDF, lambda: _drawn(_SEEN).replace(b"/Length %d" % len(_SEEN), b"/Length 4 0 R"), PARSED),
    case("stream of negative length", PDF, lambda: _drawn(_SEEN).replace(b"/Length %d" % len(_SEEN), b"/Length -9"), PARSED),
    case("hints of a linear file that lie", PDF, lambda: pdf_bytes().replace(b"%PDF-1.7\n", b"%PDF-1.7\n9 0 obj\n<</Linearized 1/L 99/H[1 2]/O 5/E 9/N 2147483647/T 9>>\nendobj\n"), PARSED, "PDF_INVALID"),
    case("dictionary 50,000 deep", PDF, lambda: _drawn(_SEEN, page=_page(b"/A" + b"<</A" * 50_000)), "PDF_INVALID", "PARSER_CRASHED", PARSED),
)  # fmt: skip
_FILTERS: Final = (
    case("200 filters in a row", PDF, lambda: _drawn(zlib.compress(_SEEN), b"/Filter[" + b"/FlateDecode" * 200 + b"]"), "TEXT_EMPTY", "PDF_INVALID"),
    case("bomb in hexadecimal in flate", PDF, lambda: _drawn(zlib.compress(b"20" * (20 * MIB)), b"/Filter[/FlateDecode/ASCIIHexDecode]"), "TEXT_EMPTY", *STOPPED),
    case("run-length bomb", PDF, lambda: _drawn(zlib.compress(b"\x81 " * (300 * 1024)), b"/Filter[/FlateDecode/RunLengthDecode]"), "TEXT_EMPTY", *STOPPED),
    case("LZW that names codes to come", PDF, lambda: _drawn(b"\x80\x7f\xff\xff\xff" * 9999, b"/Filter/LZWDecode"), "TEXT_EMPTY"),
    case("LZW of clear codes only", PDF, lambda: _drawn(b"\x80\x40\x20\x10\x08\x04\x02\x01" * 100_000, b"/Filter/LZWDecode/DecodeParms<</EarlyChange -7>>"), "TEXT_EMPTY"),
    case("predictor of 2^31 columns", PDF, lambda: _drawn(zlib.compress(_SEEN), b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 2147483647/Colors 2147483647>>"), "TEXT_EMPTY"),
    case("ASCII85 of z only", PDF, lambda: _drawn(b"z" * (4 * MIB), b"/Filter/ASCII85Decode"), "TEXT_EMPTY", *STOPPED),
    case("filter that nobody defined", PDF, lambda: _drawn(_SEEN, b"/Filter/Crypt/DecodeParms<</Name/Identity>>"), PARSED),
    case("flate stream cut off", PDF, lambda: _drawn(zlib.compress(_SEEN)[:-12], b"/Filter/FlateDecode"), "TEXT_EMPTY"),
    case("content in a file of its own", PDF, lambda: _drawn(b"", b"/F(/etc/passwd)/FFilter/ASCIIHexDecode"), "TEXT_EMPTY"),
    case("picture formats as content", PDF, lambda: _drawn(b"\x97JB2\r\n\x1a\n" + bytes(99), b"/Filter[/JBIG2Decode/JPXDecode/DCTDecode/CCITTFaxDecode]"), "TEXT_EMPTY", "PDF_INVALID"),
    case("picture of 10^5 by 10^5", PDF, lambda: _drawn(_SEEN + b"/I Do", page=_page(b"/Resources<</XObject<</I 6 0 R>>>>"), more=(stream(b"x", b"/Type/XObject/Subtype/Image/Width 100000/Height 100000/BitsPerComponent 16/ColorSpace/DeviceCMYK"),)), PARSED),
)  # fmt: skip
_ACTIONS: Final = (
    case("script on opening", PDF, lambda: _acting(b"<</S/JavaScript/JS(app.alert\\(SMUGGLED\\))>>"), PARSED),
    case("program on opening", PDF, lambda: _acting(b"<</S/Launch/Win<</F(cmd.exe)/P(/c SMUGGLED)>>>>"), PARSED),
    case("actions in a ring", PDF, lambda: _acting(b"<</S/URI/URI(http://127.0.0.1:9/)/Next 6 0 R>>"), PARSED),
    case("form that sends itself", PDF, lambda: _acting(b"<</S/SubmitForm/F<</FS/URL/F(http://127.0.0.1:9/)>>>>"), PARSED),
    case("file in another file", PDF, lambda: _acting(b"<</S/GoToE/F(//127.0.0.1/share/a.pdf)/T 6 0 R>>"), PARSED),
    case("embedded program", PDF, _embedded, PARSED),
    case("names that are their own kids", PDF, lambda: _drawn(_SEEN, catalogue=_CATALOGUE[:-2] + b"/Names<</JavaScript 6 0 R/EmbeddedFiles 6 0 R>>>>", more=(b"<</Kids[6 0 R 6 0 R]/Limits[(a)(b)]>>",)), PARSED, "PARSER_CRASHED"),
    case("XFA form with a document type", PDF, lambda: _drawn(_SEEN, catalogue=_CATALOGUE[:-2] + b"/AcroForm<</XFA 6 0 R>>>>", more=(stream(b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;SMUGGLED</d>'),)), PARSED),
    case("note with a picture of itself", PDF, lambda: _annotated(b"<</Type/Annot/Subtype/FreeText/Rect[0 0 9 9]/Contents(SMUGGLED)/AP<</N 6 0 R>>/Parent 6 0 R>>"), PARSED),
    case("rich media", PDF, lambda: _annotated(b"<</Type/Annot/Subtype/RichMedia/Rect[0 0 9 9]/RichMediaContent<</Assets 6 0 R>>>>"), PARSED),
    case("layer that is switched off", PDF, lambda: _drawn(_SEEN, catalogue=_CATALOGUE[:-2] + b"/OCProperties<</OCGs[6 0 R]/D<</OFF[6 0 R]>>>>>>", more=(b"<</Type/OCG/Name(SMUGGLED)>>",)), PARSED),
    case("PDF title of 1 MB", PDF, lambda: _drawn(_SEEN, more=(b"<</Title(" + b"t " * (MIB // 2) + b")>>",), trailer=b"/Info 6 0 R"), PARSED),
    case("title of control characters", PDF, lambda: _drawn(_SEEN, more=(b"<</Title<FEFF001B005D0030DEADD800000A0085007F>>>",), trailer=b"/Info 6 0 R"), PARSED),
)  # fmt: skip
_FONTS: Final = (
    case("map to Unicode without end", PDF, lambda: _mapped(b"1 beginbfrange <00> <ff> ["), PARSED, "PDF_INVALID"),
    case("map to Unicode of a range of 2^32", PDF, lambda: _mapped(b"1 beginbfrange <00000000> <ffffffff> <0041> endbfrange"), PARSED, *STOPPED),
    case("map to Unicode backwards", PDF, lambda: _mapped(b"1 beginbfrange <ff> <00> <0041> endbfrange"), PARSED),
    case("map to Unicode of 20,000 letters each", PDF, lambda: _mapped(b"1 beginbfrange <00> <ff> <" + b"0041" * 20_000 + b"> endbfrange"), *_ANYTHING, "TEXT_TOO_LARGE", *STOPPED),
    case("map to half surrogates", PDF, lambda: _mapped(b"1 beginbfrange <00> <ff> <D800> endbfrange"), "TEXT_EMPTY"),
    case("map to control characters", PDF, lambda: _mapped(b"1 beginbfchar <44> <001B> endbfchar"), PARSED),
    case("map that is its own font", PDF, lambda: _drawn(_SEEN, font=b"<</Type/Font/Subtype/Type1/BaseFont/X/ToUnicode 5 0 R>>"), PARSED),
    case("composite font under a broken map", PDF, lambda: _composite(b"6 0 R"), PARSED),
    case("composite font made of itself", PDF, lambda: _composite(b"/Identity-H", b"5 0 R"), *_ANYTHING, "PARSER_CRASHED"),
    case("drawn font whose letters draw it", PDF, lambda: _drawn(_SEEN, font=b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[0 0 0 0 0 0]/FirstChar 0/LastChar 255/Encoding<</Differences[68/D]>>/CharProcs<</D 4 0 R>>/Resources<</Font<</F1 5 0 R>>>>>>"), *_ANYTHING, "PARSER_CRASHED"),
    case("font program of junk", PDF, lambda: _drawn(_SEEN, font=b"<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor<</Flags 4/FontFile2 6 0 R>>>>", more=(stream(b"\0\1\0\0\xff\xff" + b"\xff" * 999),)), PARSED),
    case("widths for 2^31 letters", PDF, lambda: _drawn(_SEEN, font=_FONT[:-2] + b"/FirstChar -2147483648/LastChar 2147483647/Widths[1]>>"), PARSED),
    case("forms that multiply", PDF, lambda: _forms(12, 20), "TEXT_EMPTY", *STOPPED),
    case("100,000 saved states", PDF, lambda: _drawn(b"q " * 100_000 + _SEEN), PARSED, *STOPPED),
    case("500,000 operands", PDF, lambda: _drawn(b"[" + b"1 " * 500_000 + b"] TJ " + _SEEN), *_ANYTHING, *STOPPED),
    case("20,000 texts in one place", PDF, lambda: _drawn(_SEEN * 20_000), PARSED, *STOPPED),
    case("matrix of no numbers", PDF, lambda: _drawn(b"1e39 0 0 -1e39 1e39 1e39 cm BT /F1 1e39 Tf (x) Tj ET"), "TEXT_EMPTY"),
    case("picture in the content without end", PDF, lambda: _drawn(_SEEN + b"BI /W 9999 /H 9999 ID " + b"EI" * 9999), PARSED),
)  # fmt: skip
_POLYGLOTS: Final = (
    case("DOCX behind a PDF", PDF, lambda: pdf_bytes() + docx_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("PDF as text", "text/plain", pdf_bytes, "CONTENT_TYPE_MISMATCH"),
    case("PDF with a page of HTML in a comment", PDF, lambda: pdf_bytes().replace(b"%PDF-1.7\n", b"%PDF-1.7\n%<html><script>SMUGGLED</script>\n"), PARSED),
    case("PDF behind a byte order mark", PDF, lambda: b"\xef\xbb\xbf" + pdf_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("PDF behind 1,000 blanks", PDF, lambda: b" " * 1000 + pdf_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("two PDFs in one file", PDF, lambda: pdf_bytes([show_text(SMUGGLED)]) + pdf_bytes(), PARSED, "PDF_INVALID"),
    case("PDF of nothing but its mark", PDF, lambda: b"%PDF-", "PDF_INVALID"),
    case("PDF in lower case", PDF, lambda: pdf_bytes().replace(b"%PDF-", b"%pdf-"), "CONTENT_TYPE_MISMATCH"),
    case("encryption that nobody defined", PDF, lambda: pdf_bytes(trailer=b"/Encrypt<</Filter/Nobody/V 99>>/ID[(a)(a)]"), "PDF_ENCRYPTED", "PDF_INVALID"),
    case("encryption that is the catalogue", PDF, lambda: pdf_bytes(trailer=b"/Encrypt 1 0 R"), "PDF_ENCRYPTED", "PDF_INVALID"),
)  # fmt: skip

CASES: Final[tuple[Hostile, ...]] = (*_TREES, *_TABLES, *_FILTERS, *_ACTIONS, *_FONTS, *_POLYGLOTS)
