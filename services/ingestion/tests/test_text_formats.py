"""Text, Markdown, CSV and JSON: what is kept, and what two readers could read differently is refused."""

import pytest

from staithe.ingestion.parsers.document import TextCollector, clean, is_clean, one_line
from staithe.ingestion.parsers.limits import TEXT_CHARACTERS_MAX
from staithe.ingestion.parsers.parse import parse_document
from staithe.kernel.errors import InvalidEvent


def reason(content: bytes, declared: str) -> str:
    with pytest.raises(InvalidEvent) as caught:
        parse_document(content, declared)
    return caught.value.reason_code


def test_line_ends_become_newlines_and_controls_go() -> None:
    document = parse_document("a\r\nb\rc\u2028d\x07\x1b[31m \n\n\n\ne\t1".encode(), "text/plain")
    assert document.text == "a\nb\nc\nd[31m\n\ne\t1"
    assert document.signals == {"control_characters": 2}


def test_clean_leaves_nothing_that_is_clean_refuses() -> None:
    every = "".join(map(chr, range(0x3000))) + "\ud800x\udfff"
    assert is_clean(clean(every)[0])
    assert not is_clean("a\x00")
    assert not is_clean("a\rb")


def test_one_line_bounds_and_flattens() -> None:
    assert one_line(" a\n\tb\x00 ") == "a b"
    assert len(one_line("x" * 10_000)) == 300


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        ("Käse".encode(), "text/plain"),
        (b"\xef\xbb\xbfK\xc3\xa4se", "text/plain"),
        ("Käse".encode("utf-16"), "text/plain"),
        (b"\xfe\xff" + "Käse".encode("utf-16-be"), "text/plain"),
        ("Käse".encode("latin-1"), "text/plain; charset=iso-8859-1"),
        ("Käse".encode("cp1252"), "text/plain; charset=Latin1"),
    ],
)
def test_declared_and_marked_encodings_decode(content: bytes, declared: str) -> None:
    assert parse_document(content, declared).text == "Käse"


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (b"K\xe4se", "text/plain"),
        (b"\xed\xa0\x80", "text/plain"),
        (b"\xc0\xafetc", "text/plain"),
        (b"\xff\xfea", "text/plain"),
        (b"\xff\xfe\x00\xd8", "text/plain"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "text/plain"),
        (b"+ADw-script+AD4-", "text/plain; charset=utf-7"),
        (b"abc", "text/plain; charset=rot13"),
        (b"abc", "text/plain; charset=unicode_escape"),
        (b"K\xc3\xa4se", "text/plain; charset=us-ascii"),
    ],
)
def test_undecodable_text_is_refused(content: bytes, declared: str) -> None:
    assert reason(content, declared) == "ENCODING_INVALID"


@pytest.mark.parametrize("content", [b" ", b"\n\n", b"\xef\xbb\xbf", b"\x07\x08", b"\xff\xfe"])
def test_text_without_characters_is_refused(content: bytes) -> None:
    assert reason(content, "text/plain") == "TEXT_EMPTY"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n## Terms ##\n# Later", "Terms"),
        ("Terms\n=====\n", "Terms"),
        ("```\n# not this\n```\n# Terms", "Terms"),
        ("- item\n---\nwords", None),
        ("#hashtag\nwords", None),
    ],
)
def test_markdown_title_is_the_first_heading(text: str, title: str | None) -> None:
    assert parse_document(text.encode(), "text/markdown").title == title


def test_csv_rows_become_paragraphs_of_named_values() -> None:
    table = '\ufeffItem;Price;\r\n"Oak; table";"3,40";x\r\nChair;;\r\n\r\n'.encode()
    document = parse_document(table, "text/csv")
    assert document.text == "Item: Oak; table\nPrice: 3,40\ncolumn 3: x\n\nItem: Chair"
    assert document.signals == {"records": 2}


def test_csv_header_alone_is_still_text() -> None:
    assert parse_document(b"Item,Price\n", "text/csv").text == "Item, Price"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'a,b\n"x" y,2\n', "CSV_INVALID"),
        (b'a,b\n"x', "CSV_INVALID"),
        (b"a,b\n1,2,3\n", "CSV_INVALID"),
        (b"a," * 1001 + b"\n1\n", "CSV_TOO_WIDE"),
        (b"a\n" + b"x" * (1024 * 1024 + 1), "CSV_TOO_WIDE"),
        (b"x" * 300 + b"\n" + b"1\n" * 40_000, "TEXT_TOO_LARGE"),
        (b",,,\n,,,\n", "TEXT_EMPTY"),
    ],
)
def test_bad_tables_are_refused(content: bytes, code: str) -> None:
    assert reason(content, "text/csv") == code


def test_json_becomes_paths_and_keeps_numbers_as_written() -> None:
    content = b'{"title": "Prices", "rows": [{"sku": 1.50, "ok": true}, {"sku": 12345678901234567890}], "n": null}'
    document = parse_document(content, "application/json")
    assert document.text == "title: Prices\nrows[1].sku: 1.50\nrows[1].ok: true\n\nrows[2].sku: 12345678901234567890"
    assert document.title == "Prices"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"a": 1, "a": 2}', "JSON_DUPLICATE_KEY"),
        (b'[{"a": {"b": 1, "\\u0062": 2}}]', "JSON_DUPLICATE_KEY"),
        (b'{"a": NaN}', "JSON_NUMBER_INVALID"),
        (b"[-Infinity]", "JSON_NUMBER_INVALID"),
        (b"[1e999]", "JSON_NUMBER_INVALID"),
        (b"[" + b"9" * 65 + b"]", "JSON_NUMBER_INVALID"),
        (b"[" + b"9" * 1_000_000 + b"]", "JSON_NUMBER_INVALID"),
        (b"[" * 65 + b"1" + b"]" * 65, "JSON_TOO_DEEP"),
        (b"[" * 100_000, "JSON_TOO_DEEP"),
        (b'["\\ud800"]', "JSON_SURROGATE"),
        (b'{"\\udfff": 1}', "JSON_SURROGATE"),
        (b'{"a": 1} x', "JSON_INVALID"),
        (b'{"a": 1,}', "JSON_INVALID"),
        (b"{'a': 1}", "JSON_INVALID"),
        (b'["a\nb"]', "JSON_INVALID"),
        (b'["' + b'\\"' * 100_000, "JSON_INVALID"),
        (b"[01]", "JSON_INVALID"),
        (b"null", "TEXT_EMPTY"),
        (b"{}", "TEXT_EMPTY"),
    ],
)
def test_bad_json_is_refused(content: bytes, code: str) -> None:
    assert reason(content, "application/json") == code


def test_collected_text_stops_at_its_limit() -> None:
    collector = TextCollector(characters_max=3)
    collector.add("abc")
    with pytest.raises(InvalidEvent, match="TEXT_TOO_LARGE"):
        collector.add("d")


def test_text_at_the_limit_passes_and_over_it_is_refused() -> None:
    assert len(parse_document(b"x" * TEXT_CHARACTERS_MAX, "text/plain").text) == TEXT_CHARACTERS_MAX
    assert reason(b"x" * (TEXT_CHARACTERS_MAX + 1), "text/plain") == "TEXT_TOO_LARGE"
