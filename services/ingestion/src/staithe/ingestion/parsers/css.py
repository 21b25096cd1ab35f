"""Decide from style sheets and style attributes what a reader cannot see. Pure text in, selectors out.

Not a CSS engine: the cascade is not computed, so an element that one rule hides and a later rule shows again is taken
as hidden. That loses text rather than let hidden instructions through. CSS Syntax Level 3 for comments and escapes.
"""

import re
from collections.abc import Iterator
from typing import Final

from staithe.ingestion.parsers.limits import (
    HIDING_RULES_MAX,
    STYLE_CHARACTERS_MAX,
    STYLE_DECLARATION_CHARACTERS_MAX,
    STYLE_DEPTH_MAX,
    STYLE_SELECTOR_CHARACTERS_MAX,
)
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
# Pseudo-classes that Lexbor does not know and that hold for ordinary elements, and older names of `:is`.
_EVERYWHERE: Final = re.compile(
    r":(?:(?:lang|dir|host)\([^()]*+\)|(?:defined|scope|host)(?![\w-])|not\(\s*+:[\w-]++(?:\([^()]*+\))?\s*+\))",
    re.IGNORECASE,
)
# Elements in a language: by their own attribute or by one above them.
_LANGUAGE: Final = re.compile(r":lang\(\s*+[\"']?([a-z0-9-]++)[\"']?\s*+\)", re.IGNORECASE)
_OF_LANGUAGE: Final = r':is([lang|="\1" i], [lang|="\1" i] *)'
_ANY: Final = re.compile(r":(?:-webkit-any|-moz-any|matches)\(", re.IGNORECASE)
_MATCHES_ALL: Final = ":not(x-nothing)"
_SELECTOR_MARK: Final = re.compile(r"\"[^\"]*+\"?|'[^']*+'?|[(),\[\]]")
_PRINT_ONLY: Final = re.compile(r"@media\s+(?:only\s+)?(?:print|speech)\b", re.IGNORECASE)
_GROUPING: Final = ("@media", "@supports", "@layer", "@container", "@scope")


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
    for preludes, declarations in _blocks(_COMMENT.sub(" ", style_sheet)):
        selector = _selector(preludes) if ":" in declarations and hides(declarations) else ""
        if selector:
            selectors.append(selector)
            if len(selectors) > HIDING_RULES_MAX:
                raise refusal("HTML_TOO_COMPLEX")
    return selectors


def alternatives(selector: str) -> list[str]:
    """The parts of a list that was refused as a whole, written so that Lexbor understands more of them.

    A browser knows more than Lexbor does, and one part such as `p::before` must not save its neighbours. What cannot
    be decided counts as matching. Raises HTML_TOO_COMPLEX past the limit.
    """
    parts, start, depth = [], 0, 0
    for token in _SELECTOR_MARK.finditer(selector):
        mark = token[0]
        depth += (mark in {"(", "["}) - (mark in {")", "]"})
        if mark == "," and depth == 0:
            parts.append(selector[start : token.start()])
            start = token.end()
    parts.append(selector[start:])
    if len(parts) > HIDING_RULES_MAX:
        raise refusal("HTML_TOO_COMPLEX")
    return [_EVERYWHERE.sub(_MATCHES_ALL, _LANGUAGE.sub(_OF_LANGUAGE, _ANY.sub(":is(", part))) for part in parts]


def _blocks(sheet: str) -> Iterator[tuple[list[str], str]]:
    """Declarations with the preludes around them, outermost first; the end of the sheet closes what is open.

    The list is the scanner's own: use it before the next step. A block may hold declarations, then rules (CSS Nesting).
    """
    preludes: list[str] = []
    start = statement = 0  # of what was not given yet, and of the statement in it
    for token in _TOKEN.finditer(sheet):
        mark, end = token[0], token.end()
        if mark == "{":
            if preludes and statement > start:
                yield preludes, sheet[start:statement]
            preludes.append(sheet[max(start, statement) : token.start()].strip())
            start = statement = end
        elif mark == ";":
            statement = end
            start = start if preludes else end
        elif mark == "}" and preludes:
            yield preludes, sheet[start : token.start()]
            preludes.pop()
            start = statement = end
    if preludes:
        yield preludes, sheet[start:]


def _selector(preludes: list[str]) -> str:
    """The selector of nested rules as one; "" where a grouping rule does not apply to a screen or none selects.

    Nested alternatives are joined loosely, so that rather too much is hidden.
    """
    if len(preludes) > STYLE_DEPTH_MAX:
        raise refusal("HTML_TOO_COMPLEX")
    selector = ""
    for prelude in preludes:
        if prelude.startswith("@"):
            if not _applies(prelude):
                return ""
        elif not selector:
            selector = prelude
        else:
            if len(selector) * (1 + prelude.count("&")) > STYLE_SELECTOR_CHARACTERS_MAX:
                raise refusal("HTML_TOO_COMPLEX")
            outer = f":is({selector})"
            selector = prelude.replace("&", outer) if "&" in prelude else f"{outer} {prelude}"
    return selector


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
