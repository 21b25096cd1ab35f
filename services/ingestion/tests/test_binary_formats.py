# ruff: noqa: E501 (markup in a line of its own)
"""PDF, DOCX and mail: visible text in, refusals for everything that is not plainly a document."""

import pytest
from document_samples import (
    CONTENT_TYPES,
    DOCX_TYPE,
    docx_bytes,
    mail_bytes,
    paragraph,
    pdf_bytes,
    show_text,
    word_part,
    zip_bytes,
)  # fmt: skip

from staithe.ingestion.parsers.parse import parse_document
from staithe.kernel.errors import InvalidEvent

PDF, EML = "application/pdf", "message/rfc822"
MULTIPART = 'Content-Type: multipart/mixed; boundary="b"\n'


def reason(content: bytes, declared: str) -> str:
    with pytest.raises(InvalidEvent) as caught:
        parse_document(content, declared)
    return caught.value.reason_code


def test_pdf_pages_become_paragraphs() -> None:
    document = parse_document(pdf_bytes([show_text("Page one."), show_text("Page two.")]), PDF)
    assert document.text == "Page one.\n\nPage two."
    assert document.signals == {"pages": 2}


@pytest.mark.parametrize("operators", ["/F1 12 Tf 3 Tr", "/F1 12 Tf 1 1 1 rg", "/F1 1 Tf"])
def test_faint_pdf_text_is_kept_and_counted(operators: str) -> None:
    page = show_text("Seen.") + show_text("FAINT", 600, operators)
    document = parse_document(pdf_bytes([page]), PDF)
    assert "FAINT" in document.text
    assert document.signals["faint_characters"] == len("FAINT")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pdf_bytes()[:60], "PDF_INVALID"),
        (b"%PDF-1.7\n%%EOF", "PDF_INVALID"),
        (pdf_bytes([""]), "TEXT_EMPTY"),
        (pdf_bytes([show_text("x")] * 2001), "PDF_TOO_MANY_PAGES"),
        (pdf_bytes(trailer=b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O(%s)/U(%s)>>/ID[(a)(a)]" % (b"o" * 32, b"u" * 32)),
         "PDF_ENCRYPTED"),
    ],
)  # fmt: skip
def test_bad_pdfs_are_refused(content: bytes, code: str) -> None:
    assert reason(content, PDF) == code


def test_docx_paragraphs_tables_and_notes_are_read() -> None:
    cells = "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in ("Table", "340"))
    body = paragraph("Terms", style="Heading1") + paragraph("Ten days.") + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    notes = {"word/footnotes.xml": word_part(f"<w:footnote>{paragraph('A note.')}</w:footnote>", "footnotes")}
    document = parse_document(docx_bytes(body, notes), DOCX_TYPE)
    assert document.text == "Terms\n\nTen days.\n\nTable | 340\n\nA note."
    assert document.title == "Terms"


def test_docx_title_comes_from_the_core_properties() -> None:
    core = b'<c xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Our terms</dc:title></c>'
    assert parse_document(docx_bytes(more={"docProps/core.xml": core}), DOCX_TYPE).title == "Our terms"


STYLES = word_part(
    '<w:style w:styleId="A"><w:rPr><w:vanish/></w:rPr></w:style><w:style w:styleId="B"><w:basedOn w:val="A"/></w:style>',
    "styles",
)


@pytest.mark.parametrize(
    "hidden",
    [
        paragraph("SECRET", "<w:vanish/>"),
        paragraph("SECRET", '<w:vanish w:val="true"/>'),
        paragraph("SECRET", '<w:rStyle w:val="B"/>'),
        paragraph("SECRET", style="B"),
        "<w:p><w:del><w:r><w:delText>SECRET</w:delText></w:r></w:del></w:p>",
    ],
)
def test_hidden_docx_text_is_dropped_and_counted(hidden: str) -> None:
    document = parse_document(docx_bytes(paragraph("Seen.") + hidden, {"word/styles.xml": STYLES}), DOCX_TYPE)
    assert document.text == "Seen."
    assert document.signals == {"hidden_characters": len("SECRET")}


@pytest.mark.parametrize("properties", ['<w:vanish w:val="0"/>', '<w:color w:val="FFFFFF"/>', '<w:sz w:val="2"/>'])
def test_other_docx_text_is_kept(properties: str) -> None:
    assert parse_document(docx_bytes(paragraph("Kept.", properties)), DOCX_TYPE).text == "Kept."


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (docx_bytes(more={"word/vbaProject.bin": b"x"}), "DOCX_MACROS"),
        (zip_bytes({"[Content_Types].xml": CONTENT_TYPES.replace(b"main+xml", b"macroEnabled.main+xml"),
                    "word/document.xml": word_part("")}), "DOCX_MACROS"),
        (zip_bytes({"a.txt": b"x"}), "DOCX_INVALID"),
        (zip_bytes({"[Content_Types].xml": b"<Types/>", "word/document.xml": word_part("")}), "DOCX_INVALID"),
        (docx_bytes(""), "TEXT_EMPTY"),
        (docx_bytes("<w:p>"), "XML_INVALID"),
        (docx_bytes("<w:p>" * 300 + "</w:p>" * 300), "XML_TOO_DEEP"),
        (docx_bytes(more={"word/document.xml": b"<!DOCTYPE d [<!ENTITY a 'b'>]><d>&a;</d>"}), "XML_DTD_FORBIDDEN"),
        (docx_bytes(more={"../../etc/passwd": b"x"}), "ZIP_NAME_UNSAFE"),
        (docx_bytes(more={"/etc/passwd": b"x"}), "ZIP_NAME_UNSAFE"),
        (docx_bytes(more={"C:evil": b"x"}), "ZIP_NAME_UNSAFE"),
        (docx_bytes(more={"a\rb": b"x"}), "ZIP_NAME_UNSAFE"),
        (docx_bytes(more={"WORD/document.xml": b"x"}), "ZIP_INVALID"),
        (docx_bytes(more={"bomb": bytes(30_000_000)}), "ZIP_LIMIT"),
        (docx_bytes(more={f"{n}": b"" for n in range(2001)}), "ZIP_LIMIT"),
    ],
)  # fmt: skip
def test_bad_docx_are_refused(content: bytes, code: str) -> None:
    assert reason(content, DOCX_TYPE) == code


def test_mail_shows_headers_body_and_attachment_names() -> None:
    parts = (
        "--b\nContent-Type: text/plain\n\nSee the list.\n--b\nContent-Type: application/pdf\n"
        'Content-Disposition: attachment; filename="../../pri\u202ces.pdf"\n\nJVBERi0=\n--b--'.replace("\u202c", "c")
    )
    document = parse_document(mail_bytes(parts, MULTIPART), EML)
    assert document.text == (
        "Subject: Delivery\nFrom: Ann <ann@harbour.example>\nTo: Bo <bo@harbour.example>\n"
        "Date: Mon, 05 Jan 2026 10:00:00 +0000\n\nSee the list.\n\nAttachment: ../../prices.pdf (application/pdf)"
    )
    assert document.title == "Delivery"
    assert document.signals == {"attachments": 1}


def test_mail_prefers_plain_text_and_falls_back_to_html() -> None:
    both = "--b\nContent-Type: text/plain\n\n%s\n--b\nContent-Type: text/html\n\n<p>page<p hidden>x\n--b--"
    headers = 'Content-Type: multipart/alternative; boundary="b"\n'
    assert "plain words" in parse_document(mail_bytes(both % "plain words", headers), EML).text
    fallen_back = parse_document(mail_bytes(both % "", headers), EML)
    assert fallen_back.text.endswith("\n\npage")
    assert fallen_back.signals == {"hidden_characters": 1}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (mail_bytes("no parts", MULTIPART), "EML_INVALID"),
        (mail_bytes("@@@!", "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n"), "EML_INVALID"),
        (mail_bytes("+ADw-", "Content-Type: text/plain; charset=utf-7\n"), "ENCODING_INVALID"),
        (mail_bytes(""), "EML_NO_BODY"),
        (mail_bytes("--b\nContent-Type: image/png\n\nx\n--b--", MULTIPART), "EML_NO_BODY"),
        (mail_bytes("x", f"X-Long: {'a' * 9000}\n"), "EML_TOO_COMPLEX"),
        (mail_bytes("x", "X: y\n" * 60_000), "EML_TOO_COMPLEX"),
        (mail_bytes("--b\n\nx\n" * 300 + "--b--", MULTIPART), "EML_TOO_COMPLEX"),
    ],
)
def test_bad_mails_are_refused(content: bytes, code: str) -> None:
    assert reason(content, EML) == code
