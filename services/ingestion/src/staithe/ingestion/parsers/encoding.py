"""Bytes to text by a byte order mark, UTF-8, or a declared charset of a short list; strict, never guessed.

Labels follow the WHATWG Encoding Standard where it merges charsets (latin-1 is windows-1252). UTF-7 and
every other stateful or rare charset is refused: they smuggle markup past checks made on bytes.
"""

import codecs
from typing import Final

from staithe.ingestion.parsers.reasons import refusal

_BOM_UTF32: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# label → Python codec. The child loads each codec before it gives up the right to open files.
CHARSETS: Final[dict[str, str]] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "iso-8859-2": "iso8859-2",
    "iso-8859-15": "iso8859-15",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "koi8-r": "koi8-r",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
}
CODECS: Final = frozenset(CHARSETS.values()) | {"utf-16-le", "utf-16-be"}


def decode_text(content: bytes, charset: str | None = None) -> str:
    """The text of `content`; raises ENCODING_INVALID. A byte order mark wins over `charset`."""
    if content.startswith(_BOM_UTF32):
        raise refusal("ENCODING_INVALID")
    for mark, codec in _MARKS:
        if content.startswith(mark):
            return _decode(content[len(mark) :], codec)
    if charset is None:
        return _decode(content, "utf-8")
    codec_of_charset = CHARSETS.get(charset.strip().lower())
    if codec_of_charset is None:
        raise refusal("ENCODING_INVALID")
    return _decode(content, codec_of_charset)


def _decode(content: bytes, codec: str) -> str:
    try:
        return content.decode(codec, "strict")
    except UnicodeDecodeError as error:
        raise refusal("ENCODING_INVALID") from error
