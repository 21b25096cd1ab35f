"""Characters that pass for an ASCII one, each with the one it passes for; for detectors only. Pure.

A short table in the sense of Unicode Technical Standard 39: what keyboards and fonts offer a cheat. Each stands for one
character, so folding moves no span.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

# ruff: noqa: RUF001 - that they look alike is the point

_LETTERS: Final = (
    # Cyrillic
    ("АВЕЅІЈКМНОРСТУХҮԚԜЬҺаеѕіјкмнорстухүԛԝһѵԁӏӀ", "ABESIJKMHOPCTYXYQWbhaesijkmhopctyxyqwhvdlI"),
    # Greek
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχϲϳ", "ABEZHIKMNOPTYXaikvopuxcj"),
    # Armenian, Latin letters of other shapes, Cherokee, Lisu
    ("օսհոցքԼՍՕ", "ouhngpLUO"),
    ("ıɩɑɡʟʏʀɴɪʙʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱ", "iiagLYRNIBHACDEJKMOPTUVWZS"),
    ("ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ", "ABCDEGHJKLMPRSTVWZ"),
    ("ꓐꓚꓓꓰꓝꓖꓧꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ", "BCDEFGHJKLMNOPRSTUVWXYZ"),
)
_SIGNS: Final = (
    ("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u058a\u1806\u02d7\u30fc\uff70", "-" * 13),
    ("\u3002\u06d4\u0701\u0702\ua60e\uff61", "." * 6),
    ("\u2236\ua789\u0589\u05c3\u02d0", ":" * 5),
    ("\u2044\u2215\u29f8\u2571", "/" * 4),
    ("\u2018\u2019\u02bc\u2032\u02b9", "'" * 5),
    ("\u201c\u201d\u2033", '"' * 3),
)

_LAST: Final = 0x1FFFF
"""Above are only ideographs, tags and private use: no digits, no spaces."""


@cache
def lookalikes() -> Mapping[int, str]:
    """For `str.translate`: code point → the ASCII character it passes for; all digits and spaces too."""
    table = {
        ord(each): plain for fancy, plains in (*_LETTERS, *_SIGNS) for each, plain in zip(fancy, plains, strict=True)
    }
    for code in range(0x80, _LAST + 1):
        category = unicodedata.category(chr(code))
        if category == "Nd":
            table[code] = str(unicodedata.digit(chr(code)))
        elif category == "Zs":
            table[code] = " "
    return table
