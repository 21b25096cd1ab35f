"""Decide from style sheets and style attributes what a reader cannot see. Pure text in, selectors out.

Not a CSS engine: the cascade is not computed, so an element that one rule hides and a later rule shows again is taken
as hidden. That loses text rather than let hidden instructions through. CSS Syntax Level 3 for comments and escapes.
"""

import re
from collections.abc import Iterator
from typing import Final

from staithe.ingestion.parsers.limits import HIDING_RULES_MAX, STYLE_CHARACTERS_MAX, STYLE_DECLARATION_CHARACTERS_MAX
from staithe.ingestion.parsers.reasons import refusal

_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)
_TOKEN: Final = re.compile(r"\"(?:[^\"\\\n]|\\.)*+[\"\n]?|'(?:[^'\\\n]|\\.)*+['\n]?|[{};]", re.DOTALL)
_ZERO: Final = r"[+-]?(?:0+\.?0*|\.0+)(?:px|pt|em|rem|ex|ch|vw|vh|%)?"
_FAR: Final = r"-(?:\d{3,}(?:\.\d*)?(?:px|pt|%)?|\d{2,}(?:\.\d*)?(?:em|rem|ch|vw|vh))"
_END: Final = r"\s*(?:!\s*important\s*)?(?:;|\Z)"
_HIDING: Final = re.compile(
    rf"""(?<![\w-])(?:
      display\s*:\s*none
    | visibility\s*:\s*(?:hidden|collapse)
    | content-visibility\s*:\s*hidden
    | (?:opacity|font-size|max-height|max-width|height|width|line-height|zoom)\s*:\s*{_ZERO}{_END}
    | font\s*:[^;]*?(?<![\w.]){_ZERO}(?=[\s/])
    | (?:left|top|right|bottom|text-indent|margin-left|margin-top)\s*:\s*{_FAR}
    | transform\s*:[^;]*?(?:scale(?:3d|x|y)?\(\s*0+(?:\.0*)?\s*[,)]|translate(?:x|y|3d)?\([^;)]*?-\d{{4,}})
    | clip\s*:\s*rect\(\s*(?:0|1px)
    | clip-path\s*:\s*(?:inset\(\s*(?:[5-9]\d|100)%|(?:circle|ellipse)\(\s*0)
    | mso-hide\s*:\s*all
    | color\s*:\s*(?:transparent|(?:rgba|hsla)\([^)]*?[,/]\s*0(?:\.0*)?%?\s*\)|\#[0-9a-f]{{3}}0\b|\#[0-9a-f]{{6}}00\b)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# `height: 0` alone shows overflowing text in a browser, but nobody writes text into it for a reader.
_COLOUR: Final = re.compile(r"(?<![\w-])color\s*:\s*([^;!]+)", re.IGNORECASE)
_GROUND: Final = re.compile(r"(?<![\w-])background(?:-color)?\s*:\s*([^;!]+)", re.IGNORECASE)
_COLOUR_NAMES: Final = {"white": "#ffffff", "black": "#000000", "#fff": "#ffffff", "#000": "#000000"}
_PRINT_ONLY: Final = re.compile(r"@media\s+(?:only\s+)?(?:print|speech)\b", re.IGNORECASE)
_GROUPING: Final = ("@media", "@supports", "@layer", "@container")


def hides(declarations: str) -> bool:
    """True if a declaration block or style attribute keeps its element out of sight."""
    plain = _ESCAPE.sub(_unescape, _COMMENT.sub(" ", declarations))
    # Bounded one by one: the expressions below are quadratic in the length of a declaration.
    plain = ";".join([" ".join(one.split())[:STYLE_DECLARATION_CHARACTERS_MAX] for one in plain.split(";")])
    return _HIDING.search(plain) is not None or _same_colours(plain)


def hiding_selectors(style_sheet: str) -> list[str]:
    """Selectors whose rules hide what they match, for a screen; raises HTML_TOO_COMPLEX past the limits."""
    if len(style_sheet) > STYLE_CHARACTERS_MAX:
        raise refusal("HTML_TOO_COMPLEX")
    selectors = []
    for selector, declarations in _rules(_COMMENT.sub(" ", style_sheet)):
        if hides(declarations):
            selectors.append(selector)
            if len(selectors) > HIDING_RULES_MAX:
                raise refusal("HTML_TOO_COMPLEX")
    return selectors


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """(selector, declarations) of each style rule, looking into grouping rules that apply to a screen."""
    preludes: list[str] = []
    start = 0
    for token in _TOKEN.finditer(sheet):
        mark = token[0]
        if mark == "{":
            preludes.append(sheet[start : token.start()].strip())
            start = token.end()
        elif mark == ";" and (not preludes or preludes[-1].startswith("@")):
            start = token.end()
        elif mark == "}" and preludes:
            prelude = preludes.pop()
            if prelude and not prelude.startswith("@") and all(_applies(outer) for outer in preludes):
                yield prelude, sheet[start : token.start()]
            start = token.end()


def _applies(prelude: str) -> bool:
    return prelude.lower().startswith(_GROUPING) and not _PRINT_ONLY.match(prelude)


def _unescape(match: re.Match[str]) -> str:
    if match[1] is None:
        return str(match[2])
    point = int(match[1], 16)
    return chr(point) if 0 < point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"


def _same_colours(declarations: str) -> bool:
    colour, ground = _COLOUR.search(declarations), _GROUND.search(declarations)
    if colour is None or ground is None:
        return False
    return _colour(colour[1]) == _colour(ground[1])


def _colour(value: str) -> str:
    name = "".join(value.lower().split())
    return _COLOUR_NAMES.get(name, name)
