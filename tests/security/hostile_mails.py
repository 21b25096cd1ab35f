# ruff: noqa: E501 (a table: one case reads best on one line)
"""Hostile mail: nesting that hides from a count, headers against their parser, bodies that are not what they say."""

import base64
from typing import Final

from document_samples import docx_bytes, mail_bytes
from hostile_cases import EML, MIB, PARSED, SMUGGLED, Hostile, case
from hostile_writers import part

_MIXED: Final = 'Content-Type: multipart/mixed; boundary="b"\n'
_BODY: Final = "--b\nContent-Type: text/plain\n\nThe delivery takes ten days.\n"
# The header parser of the standard library is slow on some of these; the process ends it.
_SLOW: Final = (PARSED, "EML_INVALID", "EML_TOO_COMPLEX", "EML_NO_BODY", "PARSER_TIMEOUT")


def _head(lines: str) -> bytes:
    """A mail with these header lines before the others."""
    return lines.encode() + b"\n" + mail_bytes()


def _with(part_of_mail: str) -> bytes:
    """A body that is seen, and this part behind it."""
    return part(_MIXED, f"{_BODY}--b\n{part_of_mail}\n--b--")


def _typed(value: str, body: str = "x") -> bytes:
    return part(f"Content-Type: {value}\n", body)


def _coded(coding: str, body: str = "x") -> bytes:
    return part(f"Content-Type: text/plain\nContent-Transfer-Encoding: {coding}\n", body)


def _nested(kind: str, depth: int, boundary: str = 'boundary="{n}"') -> bytes:
    heads = "".join(f"Content-Type: {kind}; {boundary.format(n=n)}\n\n--{n}\n" for n in range(depth))
    return ("From: a@b.example\nSubject: x\n" + heads + "Content-Type: text/plain\n\ndeep\n").encode()


def _messages(type_line: str, depth: int) -> bytes:
    return b"From: a@b.example\n" + f"{type_line}\n\nFrom: a@b.example\n".encode() * depth + b"\n\ndeep\n"


def _parts(count: int, headers: str, body: str = "x") -> bytes:
    return part(_MIXED, _BODY + f"--b\n{headers}\n\n{body}\n" * count + "--b--")


_NESTING: Final = (
    case("nesting by a boundary in pieces", EML, lambda: _nested("multipart/mixed", 400, 'boundary*0="{n}"'), "EML_TOO_COMPLEX", "PARSER_TIMEOUT"),
    case("nesting by an encoded boundary", EML, lambda: _nested("multipart/mixed", 400, "boundary*=utf-8''{n}"), "EML_TOO_COMPLEX", "PARSER_TIMEOUT"),
    case("nesting by a boundary behind a comment", EML, lambda: _nested("multipart/mixed", 400, 'boundary(x)="{n}"'), *_SLOW),
    case("messages behind a comment", EML, lambda: _messages("Content-Type: (x) message/rfc822", 2_000), "EML_TOO_COMPLEX", "EML_NO_BODY", "PARSER_TIMEOUT"),
    case("messages on a folded line", EML, lambda: _messages("Content-Type:\n message/rfc822", 400), "EML_TOO_COMPLEX"),
    case("messages by status report", EML, lambda: _messages("Content-Type: message/delivery-status", 400), "EML_TOO_COMPLEX"),
    case("digests in digests", EML, lambda: _nested("multipart/digest", 150), "EML_TOO_COMPLEX"),
    case("alternatives 15 deep", EML, lambda: _nested("multipart/alternative", 15), PARSED, "EML_NO_BODY"),
    case("parts of parts, each with 50", EML, lambda: part(_MIXED, "".join(f'--b\nContent-Type: multipart/mixed; boundary="c{n}"\n\n' + f"--c{n}\n\nx\n" * 50 + f"--c{n}--\n" for n in range(100))), "EML_TOO_COMPLEX"),
    case("201 parts", EML, lambda: _parts(200, "Content-Type: text/x"), "EML_TOO_COMPLEX"),
    case("190 attachments", EML, lambda: _parts(190, "Content-Disposition: attachment; filename=a"), PARSED),
    case("mail that is forwarded", EML, lambda: _with(f"Content-Type: message/rfc822\n\nSubject: {SMUGGLED}\n\n{SMUGGLED}"), PARSED),
    case("mail that lies elsewhere", EML, lambda: _with("Content-Type: message/external-body; access-type=local-file; name=/etc/passwd\n\nx"), PARSED),
    case("one million lines that look like boundaries", EML, lambda: part(_MIXED, _BODY + "--bb\n-- b\n" * 500_000 + "--b--"), PARSED),
    case("boundary of nothing", EML, lambda: _typed('multipart/mixed; boundary=""', "--\n\nx\n----"), PARSED, "EML_INVALID", "EML_NO_BODY"),
    case("boundary of blanks", EML, lambda: _typed('multipart/mixed; boundary="   "', "--   \n\nx"), "EML_INVALID", "EML_NO_BODY", PARSED),
    case("boundary of an expression", EML, lambda: _typed('multipart/mixed; boundary="(a+)+$"', "--" + "a" * 100_000 + "!\n"), "EML_INVALID", "EML_NO_BODY", PARSED),
    case("boundary of 7 KB", EML, lambda: _typed(f'multipart/mixed; boundary="{"b" * 7000}"', f"--{'b' * 7000}\n\nx"), PARSED, "EML_INVALID"),
    case("no boundary", EML, lambda: _typed("multipart/mixed", "--b\n\nx"), "EML_INVALID"),
    case("two boundaries", EML, lambda: _typed('multipart/mixed; boundary="a"; boundary="b"', "--a\n\nx\n--b\n\ny"), PARSED, "EML_INVALID"),
    case("boundary in capital letters", EML, lambda: _typed("multipart/mixed; BOUNDARY=B", "--b\n\nSMUGGLED\n--B\n\nx\n--B--"), PARSED),
    case("inner boundary that is the outer one", EML, lambda: _with(f"{_MIXED}\n--b\n\n{SMUGGLED}"), PARSED, "EML_INVALID"),
    case("text before and after the parts", EML, lambda: part(_MIXED, f"{SMUGGLED}\n{_BODY}--b--\n{SMUGGLED}\n--b\n\n{SMUGGLED}"), PARSED),
)  # fmt: skip
_HEADERS: Final = (
    case("200,000 header lines in a part", EML, lambda: _with("X: y\n" * 200_000 + "\nx"), *_SLOW),
    case("header folded 4,000 times", EML, lambda: _head("X: a" + "\n b" * 2_000 + "\nSubject: x" + "\n y" * 1_000), PARSED),
    case("header folded into blanks", EML, lambda: _head("Subject: x" + "\n " * 4_000), PARSED, "EML_NO_BODY", "EML_TOO_COMPLEX"),
    case("8,000 subjects", EML, lambda: _head("Subject: x\n" * 8_000 + "X: y"), PARSED),
    case("subject of returns", EML, lambda: b"Subject: a\rBcc: SMUGGLED\r\rX: y\n" + mail_bytes(), PARSED, "EML_INVALID"),
    case("NUL in a header", EML, lambda: b"Subject: a\x00b\n" + mail_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("year past all", EML, lambda: _head("Date: Mon, 05 Jan 99999999999999999999 10:00:00 +0000"), PARSED, "EML_INVALID"),
    case("time zone past all", EML, lambda: _head("Date: Mon, 05 Jan 2026 10:00:00 +99999999999999999999"), PARSED, "EML_INVALID"),
    case("hour past all", EML, lambda: _head("Date: Mon, 99999999999999999999 Jan 2026 99999999999999999999:00:00 +0000"), PARSED, "EML_INVALID"),
    *(case(f"address {name}", EML, lambda value=value: _head(f"To: {value}"), *_SLOW)
      for name, value in (
          ("that is only a sign", "@"), ("without end", "<a@b"), ("route", "<" + "@a," * 1_000 + ":b@c>"), ("group without end", "g:" * 1_500),
          ("of dots", "." * 4_000 + "@a"), ("of a literal without end", "a@[" + "\\[" * 2_000), ("of commas", "," * 8_000),
          ("of encoded words", "=?utf-8?b?@?= " * 500), ("of comments", "(a " * 2_000 + "b@c"), ("of quotes", '"a" ' * 1_500 + "<b@c>"))),
    *(case(f"encoded word {name}", EML, lambda value=value: _head(f"Subject: {value}"), *_SLOW)
      for name, value in (
          ("of a charset that is code", "=?unicode_escape?q?=5Cx1b?="), ("in UTF-7", "=?utf-7?q?+ADw-script+AD4-?="), ("that is zipped", "=?zlib?b?eJw=?="),
          ("of wrong base64", "=?utf-8?b?@@@@?="), ("cut inside a letter", "=?utf-8?b?8J8=?= =?utf-8?b?mIA=?="), ("of half surrogates", "=?utf-16?b?2AA=?="),
          ("of terminal orders", "=?utf-8?q?=1B]0;x=07=C2=9B31m?="), ("1,000 times", "=?utf-8?q?a?= " * 500), ("of question marks", "=?" + "?" * 8_000),
          ("with a language", "=?utf-8*" + "x" * 5_000 + "?q?a?="), ("in itself", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?="))),
    *(case(f"parameters {name}", EML, lambda value=value: _with(f"Content-Type: application/x; {value}\nContent-Disposition: attachment; {value}\n\nx"), *_SLOW)
      for name, value in (
          ("in 700 pieces", ";".join(f"filename*{n}=a" for n in range(500))), ("in pieces out of order", "filename*2=c; filename*0=a; filename*999999999999999999999=b"),
          ("of another charset", "filename*=utf-7''%2BADw-"), ("of a charset that is code", "filename*=unicode_escape''%5Cx1b"), ("encoded badly", "filename*=utf-8''%ZZ%ff%"),
          ("without names", ";=" * 2_000), ("of quotes without end", 'filename="' + "\\" * 4_000), ("of negative pieces", "filename*-1=a; filename*0*1=b"),
          ("with a path of Windows", 'filename="C:\\\\..\\\\CON"'), ("that read right to left", "filename*=utf-8''%E2%80%AEgpj.exe"), ("twice", "filename=a.txt; filename=a.exe"))),
    case("190 parts of slow headers", EML, lambda: _parts(190, "Content-Type: a/b; " + ";".join(f"n*{n}*=x" for n in range(500))), *_SLOW),
    case("message identifier without end", EML, lambda: _head("Message-ID: <" + "[" * 5_000 + "\nReferences: " + "<a@b" * 1_500), PARSED, "EML_INVALID"),
    case("header without colon first", EML, lambda: b"SMUGGLED\n" + mail_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("mailbox of many mails", EML, lambda: b"From a@b Mon Jan  5 10:00:00 2026\n" + mail_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("raw bytes in headers", EML, lambda: b"Subject: \xff\xfe\x80 x\nFrom: \xc0\xae@b\n" + mail_bytes(), PARSED, "EML_INVALID"),
)  # fmt: skip
_BODIES: Final = (
    *(case(f"coding {name}", EML, lambda coding=coding, body=body: _coded(coding, body), *verdicts)
      for name, coding, body, verdicts in (
          ("of uuencode", "x-uuencode", "begin 644 ../../a\n#86)C\n`\nend", (PARSED, "EML_INVALID")), ("of uuencode without end", "x-uuencode", "begin 644 a\n" + "M" * 100_000, (PARSED, "ENCODING_INVALID", "EML_INVALID", "EML_NO_BODY")),
          ("that nobody defined", "x-zip", "x", (PARSED,)), ("twice", "base64\nContent-Transfer-Encoding: 7bit", "eA==", (PARSED, "EML_INVALID")),
          ("of quotes cut off", "quoted-printable", "=\n=4\n=ZZ=", (PARSED,)), ("of quotes that control", "quoted-printable", "x=1B]0;y=07=00", (PARSED,)),
          ("of base64 with a second end", "base64", "eA==eA==", (PARSED, "EML_INVALID")), ("of base64 with junk between", "base64", "e!A#=$=", ("EML_INVALID",)),
          ("of base64 that is not UTF-8", "base64", "//79", ("ENCODING_INVALID",)), ("of base64 of UTF-16", "base64", base64.b64encode("x".encode("utf-16")).decode(), (PARSED,)),
          ("of base64 for plain text", "base64", "Delivery takes ten days", ("EML_INVALID", "ENCODING_INVALID")), ("of base64 of blanks", "base64", base64.b64encode(b" \n").decode(), ("EML_NO_BODY",)))),
    case("base64 over parts", EML, lambda: part(_MIXED + "Content-Transfer-Encoding: base64\n", _BODY + "--b--"), "EML_INVALID"),
    case("base64 of 9 MB", EML, lambda: _coded("base64", base64.encodebytes(b"x" * 9_000_000).decode()), "TEXT_TOO_LARGE"),
    case("4 MB of soft line ends", EML, lambda: _coded("quoted-printable", "x" + "=\n" * (2 * MIB)), PARSED),
    *(case(f"body in {name}", EML, lambda value=value: _typed(f"text/plain; charset={value}"), "ENCODING_INVALID", "EML_INVALID")
      for name, value in (("a charset nobody knows", "x-nobody"), ("UTF-32", "utf-32"), ("a charset that is code", "unicode_escape"), ("a charset of 5 KB", "x" * 5_000), ("two charsets", '"utf-8;utf-7"'))),
    case("charset in pieces", EML, lambda: _typed("text/plain; charset*0=utf; charset*1=-7", "+ADw-"), "ENCODING_INVALID"),
    case("charset with a language", EML, lambda: _typed("text/plain; charset*=us-ascii'en'utf-7", "+ADw-"), "ENCODING_INVALID"),
    case("page for readers, another for programs", EML, lambda: part('Content-Type: multipart/alternative; boundary="b"\n', f"--b\nContent-Type: text/html\n\n<p hidden>{SMUGGLED}</p><p>x\n--b--"), PARSED),
    case("page with a bomb of styles", EML, lambda: _typed("text/html", "<style>" + ".x{display:none}" * 600 + "</style><p>x"), "HTML_TOO_COMPLEX"),
    case("page with hidden text only", EML, lambda: _typed("text/html", f"<p hidden>{SMUGGLED}"), PARSED, "TEXT_EMPTY"),
    case("related parts that begin with another", EML, lambda: part('Content-Type: multipart/related; boundary="b"; start="<nobody>"\n', _BODY + "--b--"), PARSED, "EML_NO_BODY"),
    case("signed mail without a signature", EML, lambda: part('Content-Type: multipart/signed; boundary="b"; micalg=none\n', _BODY + "--b--"), PARSED, "EML_INVALID", "EML_NO_BODY"),
    case("encrypted mail", EML, lambda: _typed("application/pkcs7-mime; smime-type=enveloped-data"), "EML_NO_BODY"),
    case("type of parts without parts", EML, lambda: _typed('multipart/mixed; boundary="b"', "no parts here"), "EML_INVALID", "EML_NO_BODY"),
    case("type without a slash", EML, lambda: _typed("text"), PARSED),
    case("calendar that calls", EML, lambda: _with("Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nSUMMARY:SMUGGLED"), PARSED),
    case("only headers", EML, lambda: b"Subject: x\nFrom: a@b.example\n\n", "EML_NO_BODY"),
    case("mail that is also an archive", EML, lambda: mail_bytes() + docx_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("two mails in one file", EML, lambda: mail_bytes() + b"\nFrom a@b Mon Jan  5 10:00:00 2026\n" + mail_bytes(), PARSED),
    case("program as inline text", EML, lambda: _with('Content-Type: text/plain; name="a.exe"\nContent-Disposition: inline\n\nSMUGGLED'), PARSED),
    case("30 MB of empty lines", EML, lambda: mail_bytes("x" + "\n" * (30 * MIB)), "EML_TOO_COMPLEX"),
)  # fmt: skip

CASES: Final[tuple[Hostile, ...]] = (*_NESTING, *_HEADERS, *_BODIES)
