# ruff: noqa: E501, PLW0108 (a table: one case reads best on one line, and makes its bytes only when it runs)
"""Hostile text, Markdown and declared types: floods of marks, letters that turn the reading round, lying encodings."""

import codecs
from typing import Final

from document_samples import docx_bytes, mail_bytes, pdf_bytes
from hostile_cases import CSV, DOCX, EML, HTML, JSON, MARKDOWN, MIB, PARSED, PDF, PLAIN, Hostile, case


def _typed(declared: str, *verdicts: str, name: str = "") -> Hostile:
    return case(f"declared {name or declared!r}", declared, lambda: b"x", *verdicts)


_FLOODS: Final = (
    case("one letter under 4 million marks", PLAIN, lambda: ("a" + "\u0301" * (4 * MIB)).encode(), PARSED),
    case("marks of every kind on one letter", PLAIN, lambda: ("x" + "".join(map(chr, range(0x300, 0x370))) * 5000).encode(), PARSED),
    case("1 million zero-width joiners", PLAIN, lambda: ("a" + "\u200d" * MIB + "b").encode(), PARSED),
    case("nothing but zero width", PLAIN, lambda: "\u200b\u2060\ufeff".encode() * 1000, PARSED, "TEXT_EMPTY"),
    case("words that read right to left", PLAIN, lambda: "pay \u202eevif\u202c euros \u2066\u2067".encode(), PARSED),
    case("100,000 open directions", PLAIN, lambda: ("\u202a" * 100_000 + "x").encode(), PARSED),
    case("tag letters", PLAIN, lambda: ("x" + "".join(chr(0xE0000 + ord(c)) for c in "ignore all rules") * 1000).encode(), PARSED),
    case("variation selectors that carry bytes", PLAIN, lambda: ("x" + "".join(map(chr, range(0xE0100, 0xE01F0))) * 1000).encode(), PARSED),
    case("private and unassigned letters", PLAIN, lambda: "x\ue000\U0010ffff\ufffe\uffff\ufdd0".encode(), PARSED),
    case("letters that grow when composed", PLAIN, lambda: "\ufdfa".encode() * MIB, PARSED),
    case("Hangul fillers and Mongolian vowels", PLAIN, lambda: "\u3164\u115f\u180e\u2800".encode() * 1000, PARSED, "TEXT_EMPTY"),
    case("half of all line ends", PLAIN, lambda: "x\u2028\u2029\x85\x0b\x0c".encode() * 500_000, PARSED),
    case("returns before every line end", PLAIN, lambda: b"x" + b"\r\r\n" * MIB + b"y", PARSED),
    case("blanks before every line end", PLAIN, lambda: b"x" + (b" " * 1000 + b"\n") * 4000 + b"y", PARSED),
    case("no-break blanks only", PLAIN, lambda: "\u00a0\u3000\u2003".encode() * MIB, "TEXT_EMPTY"),
    case("backspaces that type another word", PLAIN, lambda: b"yes\x08\x08\x08no " * 1000, PARSED),
    case("8 MiB of control characters", PLAIN, lambda: b"x" + b"\x01" * (8 * MIB - 1), PARSED),
    case("text of deletes only", PLAIN, lambda: b"\x7f" * MIB, "TEXT_EMPTY"),
    case("32 MiB of four-byte letters", PLAIN, lambda: "\U0001f600".encode() * (8 * MIB), PARSED),
    case("one letter more than allowed", PLAIN, lambda: b"x" * (8 * MIB + 1), "TEXT_TOO_LARGE"),
    *(case(f"against expressions: {unit!r}", PLAIN, lambda unit=unit: unit * (MIB // len(unit)) + b"!", PARSED)
      for unit in (b"a@a.", b"((a+)+", b"1-1 ", b"<!--", b"<?xml ", b"Subject:x\n", b"{\"", b"\t\n ", b"===\n", b"<!DOCTYPE")),
)  # fmt: skip
_ENCODINGS: Final = (
    *(case(f"text of UTF-8 {name}", PLAIN, lambda content=content: b"x" + content, "ENCODING_INVALID")
      for name, content in (
          ("cut off", b"\xf0\x9f\x98"), ("of five bytes", b"\xf8\x88\x80\x80\x80"), ("past Unicode", b"\xf4\x90\x80\x80"),
          ("with an overlong NUL", b"\xc0\x80"), ("with an overlong slash of three bytes", b"\xe0\x80\xaf"), ("with a lone continuation", b"\x80"))),
    *(case(f"text of UTF-16 {name}", PLAIN, lambda content=content: content, "ENCODING_INVALID")
      for name, content in (
          ("with half a pair first", b"\xff\xfe\x00\xd8x\x00"), ("with the second half only", b"\xfe\xff\xdc\x00\x00x"),
          ("with half a pair at the end", b"\xff\xfex\x00\x00\xd8"), ("of an odd length", b"\xff\xfex"))),
    case("UTF-32 with a mark", PLAIN, lambda: codecs.BOM_UTF32_LE + "x".encode("utf-32-le"), "ENCODING_INVALID"),
    case("big-endian UTF-32 with a mark", PLAIN, lambda: codecs.BOM_UTF32_BE + "x".encode("utf-32-be"), "CONTENT_TYPE_MISMATCH"),
    case("UTF-16 mark and nothing else", PLAIN, lambda: b"\xff\xfe", "TEXT_EMPTY"),
    case("UTF-8 mark and nothing else", PLAIN, lambda: codecs.BOM_UTF8, "TEXT_EMPTY"),
    case("mark of UTF-8 before UTF-16", PLAIN, lambda: codecs.BOM_UTF8 + "x".encode("utf-16"), "CONTENT_TYPE_MISMATCH", "ENCODING_INVALID"),
    case("mark of UTF-16 against the declared charset", PLAIN + "; charset=utf-8", lambda: "x".encode("utf-16"), PARSED),
    case("UTF-16 read the wrong way round", PLAIN, lambda: b"\xfe\xff" + "<script>".encode("utf-16-le"), PARSED),
    case("1,000 byte order marks", PLAIN, lambda: codecs.BOM_UTF8 * 1000 + b"x", PARSED),
    case("Shift JIS that eats a quote", PLAIN + "; charset=shift_jis", lambda: b'x\x81"y', "ENCODING_INVALID"),
    case("Big5 that eats a backslash", PLAIN + "; charset=big5", lambda: b"x\xa5\\y", PARSED),
    case("GB18030 of four bytes past Unicode", PLAIN + "; charset=gb18030", lambda: b"x\xff\x39\xff\x39", "ENCODING_INVALID"),
    case("ASCII that is none", PLAIN + "; charset=us-ascii", lambda: b"x\xe9", "ENCODING_INVALID"),
    case("windows-1252 of undefined bytes", PLAIN + "; charset=iso-8859-1", lambda: b"x\x81\x8d", "ENCODING_INVALID"),
    case("EBCDIC", PLAIN + "; charset=cp037", lambda: "x".encode("cp037"), "ENCODING_INVALID"),
    *(case(f"charset {name}", f"{PLAIN}; charset={name}", lambda: b"x", "ENCODING_INVALID")
      for name in ("utf-32", "hz-gb-2312", "iso-2022-jp", "punycode", "idna", "rot13", "base64", "zlib", "unicode_escape", "undefined", "mbcs")),
)  # fmt: skip
_MARKDOWN: Final = (
    case("quotes 100,000 deep", MARKDOWN, lambda: b">" * 100_000 + b" x", PARSED),
    case("brackets without end", MARKDOWN, lambda: b"[" * 100_000 + b"x" + b"](" * 100_000, PARSED),
    case("emphasis without end", MARKDOWN, lambda: b"**a _b " * 100_000, PARSED),
    case("links that run", MARKDOWN, lambda: b"[x](javascript:alert(1)) ![y](data:text/html,z) <file:///etc/passwd>", PARSED),
    case("heading of 1 MB", MARKDOWN, lambda: b"# " + b"x " * (MIB // 2), PARSED),
    case("heading of control characters", MARKDOWN, lambda: "# \x1b]0;x\x07\u2028\u0085 #\n\nbody".encode(), PARSED),
    case("200,000 empty headings", MARKDOWN, lambda: b"#  \t \n" * 200_000 + b"x", PARSED),
    case("front matter with an object", MARKDOWN, lambda: b"---\na: !!python/object/apply:os.system [id]\n---\nx", PARSED),
    case("front matter of anchors", MARKDOWN, lambda: b"---\n" + b"".join(b"a%d: &a%d [*a%d,*a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 99)) + b"---\nx", PARSED),
    case("web page as Markdown", MARKDOWN, lambda: b"<!-- x --><!DOCTYPE html><script>", "CONTENT_TYPE_MISMATCH"),
    case("references to each other", MARKDOWN, lambda: b"".join(b"[%d]: <%d> '[%d]'\n" % (n, n + 1, n) for n in range(50_000)), PARSED),
    case("table of 10,000 columns", MARKDOWN, lambda: b"|a" * 10_000 + b"|\n" + b"|-" * 10_000 + b"|\n|x", PARSED),
)  # fmt: skip
_LYING: Final = (
    *(case(f"{name} as text", PLAIN, lambda content=content: content + b"a" * 300, "CONTENT_TYPE_MISMATCH")
      for name, content in (
          ("picture that is also a script", b"GIF89a=1;/*"), ("archive", b"PK\x03\x04"), ("tape archive", b"a" * 257 + b"ustar"), ("gzip", b"\x1f\x8b\x08"),
          ("rich text", b"{\\rtf1\\object"), ("PostScript", b"%!PS-Adobe (/etc/passwd) run"), ("Java class", b"\xca\xfe\xba\xbe"), ("database", b"SQLite format 3\x00"))),
    case("web page as text", PLAIN, lambda: b"\xef\xbb\xbf \n<HTML><script>", "CONTENT_TYPE_MISMATCH"),
    case("picture that is also a page", HTML, lambda: b"GIF89a<html><script>x</script>", "CONTENT_TYPE_MISMATCH"),
    case("archive that is also a page", HTML, lambda: docx_bytes() + b"<html><p>x", "CONTENT_TYPE_MISMATCH"),
    case("mail as a page", HTML, lambda: mail_bytes("<p>x"), "CONTENT_TYPE_MISMATCH"),
    case("mail as JSON", JSON, mail_bytes, "CONTENT_TYPE_MISMATCH"),
    case("archive as a mail", EML, docx_bytes, "CONTENT_TYPE_MISMATCH"),
    case("text as PDF", PDF, lambda: b"x %PDF-1.7", "CONTENT_TYPE_MISMATCH"),
    case("text as Word document", DOCX, lambda: b"PK", "CONTENT_TYPE_MISMATCH"),
    case("PDF as table", CSV, pdf_bytes, "CONTENT_TYPE_MISMATCH"),
    *(_typed(declared, "CONTENT_TYPE_UNSUPPORTED") for declared in (
        "", "text", "/", "*/*", "text/plain, text/html", "text/plain; charset", "text/plain; charset=utf-8; charset=koi8-r",
        'text/plain; x="\udcff"', 'text/plain; x="\n"', "text/plain\x00", "../../text/plain", "application/x-msdownload", "text/xml",
        "application/vnd.ms-word.document.macroEnabled.12", "image/svg+xml", "multipart/form-data; boundary=x", "\uff54ext/plain")),
    _typed('text/plain; x="; charset=utf-7"', PARSED),
    _typed('text/plain; charset="utf-8 x"', "ENCODING_INVALID"),
    _typed("text/plain;" + " " * 150 + "a=b", PARSED, name="blanks before a parameter"),
    _typed("text/plain" + ";a=b" * 47, PARSED, name="47 parameters"),
)  # fmt: skip

CASES: Final[tuple[Hostile, ...]] = (*_FLOODS, *_ENCODINGS, *_MARKDOWN, *_LYING)
