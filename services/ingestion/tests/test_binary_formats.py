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

from staithe.ingestion.parsers.limits import MAIL_LINES_MAX, MAIL_PARAMETERS_BYTES_MAX
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


RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def relations(kind: str, target: str) -> bytes:
    return f'<R><Relationship Type="{RELATION}{kind}" Target="{target}"/></R>'.encode()


@pytest.mark.parametrize(
    ("part", "kind", "target"),
    [
        ("_rels/.rels", "officeDocument", "word/other.xml"),
        ("_rels/.rels", "officeDocument", "/document.xml"),
        ("word/_rels/document.xml.rels", "styles", "other.xml"),
        ("word/_rels/document.xml.rels", "footnotes", "../footnotes.xml"),
    ],
)
def test_a_document_whose_parts_lie_elsewhere_is_refused(part: str, kind: str, target: str) -> None:
    assert reason(docx_bytes(more={part: relations(kind, target)}), DOCX_TYPE) == "DOCX_INVALID"


@pytest.mark.parametrize("target", ["styles.xml", "/word/styles.xml", "../word/Styles.xml"])
def test_relations_may_name_the_usual_places_in_any_way(target: str) -> None:
    more = {
        "word/_rels/document.xml.rels": relations("styles", target),
        "_rels/.rels": relations("officeDocument", "word/document.xml"),
    }
    assert parse_document(docx_bytes(more=more), DOCX_TYPE).text == "Delivery takes ten days."


@pytest.mark.parametrize(
    "kind",
    ["vnd.ms-office.vbaProject", "vnd.ms-word.template.macroEnabledTemplate.main+xml", "vnd.ms-word.vbaData+xml"],
)
def test_macros_are_told_by_their_type_whatever_their_name(kind: str) -> None:
    types = CONTENT_TYPES.replace(
        b"</Types>", f'<Default Extension="bin" ContentType="application/{kind}"/></Types>'.encode()
    )
    parts = {"[Content_Types].xml": types, "word/document.xml": word_part(paragraph("x")), "word/a.bin": b"x"}
    assert reason(zip_bytes(parts), DOCX_TYPE) == "DOCX_MACROS"


@pytest.mark.parametrize("revision", ["del", "moveFrom"])
def test_text_that_a_revision_took_away_is_dropped_and_counted(revision: str) -> None:
    body = paragraph("Seen.") + f"<w:p><w:{revision}><w:r><w:t>GONE</w:t></w:r></w:{revision}></w:p>"
    document = parse_document(docx_bytes(body), DOCX_TYPE)
    assert document.text == "Seen."
    assert document.signals == {"hidden_characters": 4}


def test_styles_hide_by_a_long_chain_and_under_a_name_of_other_case() -> None:
    links = "".join(f'<w:style w:styleId="s{n}"><w:basedOn w:val="s{n + 1}"/></w:style>' for n in range(5_000))
    styles = links + '<w:style w:styleId="s5000"><w:rPr><w:vanish/></w:rPr></w:style>'
    more = {"word/Styles.XML": word_part(styles, "styles")}
    document = parse_document(docx_bytes(paragraph("Seen.") + paragraph("GONE", style="s0"), more), DOCX_TYPE)
    assert document.text == "Seen."


@pytest.mark.parametrize("encoding", ["unicode_escape", "cp037", "utf-7", "latin-1"])
def test_parts_in_other_encodings_than_unicode_are_refused(encoding: str) -> None:
    part = word_part(paragraph("x")).replace(
        b'<?xml version="1.0"?>', f"<?xml version='1.0' encoding='{encoding}'?>".encode()
    )
    assert (
        reason(zip_bytes({"[Content_Types].xml": CONTENT_TYPES, "word/document.xml": part}), DOCX_TYPE) == "XML_INVALID"
    )


def test_a_size_that_is_no_number_makes_nothing_faint() -> None:
    assert not parse_document(docx_bytes(paragraph("x", '<w:sz w:val="²"/>')), DOCX_TYPE).signals


@pytest.mark.parametrize("at", [8, 10])
def test_a_count_of_entries_that_lies_is_refused(at: int) -> None:
    good = docx_bytes()
    end = good.rindex(b"PK\x05\x06")
    lied = good[: end + at] + (1).to_bytes(2, "little") + good[end + at + 2 :]
    assert reason(lied, DOCX_TYPE) == "ZIP_INVALID"


def test_a_size_that_is_too_large_is_refused() -> None:
    good = docx_bytes()
    at = good.rindex(b"PK\x01\x02") + 24
    assert reason(good[:at] + (9_999).to_bytes(4, "little") + good[at + 4 :], DOCX_TYPE) == "ZIP_INVALID"


def test_an_entry_that_reaches_into_the_directory_is_refused() -> None:
    good = docx_bytes(more={"word/media/a": b"x"})
    at = good.rindex(b"PK\x01\x02") + 20
    assert reason(good[:at] + (60).to_bytes(4, "little") + good[at + 4 :], DOCX_TYPE) == "ZIP_INVALID"


@pytest.mark.parametrize(
    "date", ["Mon, 05 Jan 99999999999999999999 10:00:00 +0000", "Mon, 05 Jan 2026 10:00:00 +99999999999999999999"]
)
def test_a_date_past_all_calendars_is_damage_and_no_crash(date: str) -> None:
    assert reason(f"Date: {date}\nSubject: x\n\nbody".encode(), EML) == "EML_INVALID"


@pytest.mark.parametrize(
    "content",
    [
        mail_bytes("x\n" * (MAIL_LINES_MAX + 1)),
        mail_bytes("\n".join(["--b\nContent-Type: text/x; " + "a=b;" * 250 + "\n\nx"] * 190), MULTIPART),
        mail_bytes("x", "Content-Disposition: inline;\n" + " a=b;\n" * (MAIL_PARAMETERS_BYTES_MAX // 6)),
    ],
    ids=["lines", "parameters of parts", "parameters on lines of their own"],
)
def test_mail_that_costs_too_much_is_refused(content: bytes) -> None:
    assert reason(content, EML) == "EML_TOO_COMPLEX"


def test_mail_of_many_lines_is_read() -> None:
    assert parse_document(mail_bytes("x\n" * 10_000), EML).text.count("\n") > 9_000
