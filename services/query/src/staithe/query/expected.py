"""What kind of answer a question asks for, and whether a sentence holds one: a sum, a share, a time, a size. Pure.

English, like the model. A question that asks for none of these expects nothing, which is never held against a sentence.
"""

import re
from typing import Final

_AMOUNT: Final = (
    r"(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty"
    r"|half an?)"
)
_MONTH: Final = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_MONEY: Final = r"[£$€]\s?\d|\b\d[\d.,]*\s?(?:pence|pounds?|euros?|dollars?|cents?|GBP|EUR|USD)\b"
_SHARE: Final = r"\d\s?(?:%|per cent|percent)"
_DURATION: Final = (
    rf"\b{_AMOUNT}\s+(?:\w+\s)?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|nights?|times?)\b|\ban hour\b"
)
_DATE: Final = (
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}|\b{_MONTH}\s+\d|\b\d{{1,2}}[:.]\d\d\b|\b\d{{4}}-\d\d-\d\d\b"
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b(?:19|20)\d\d\b"
)
_COUNT: Final = r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b"

_ASKS_MONEY: Final = (
    r"\bhow much .{0,40}\b(?:cost|pay|paid|price|sell|fee|money|get back)|\bcosts?\b|\bprice|\bfee\b|\bpenalty\b"
    r"|\bsum\b|\ballowance\b|\bmoney\b|\bget back\b|\bfor how much\b|\bcharged?s?\b|\bwages?\b"
)
_ASKS_SHARE: Final = r"\b(?:share|fraction|percentage|proportion|rate)\b|\bby how much\b|\bhow much of\b"
_ASKS_DURATION: Final = (
    r"\bhow (?:long|fast|soon|quickly|often)\b|\bhow many (?:days|weeks|hours|minutes|months|years)\b"
    r"|\bhow much (?:\w+ ){0,2}(?:holiday|leave|time|notice)\b"
)
_ASKS_DATE: Final = r"\b(?:when|since when)\b|\b(?:what|which) (?:date|day|month|year|time)\b"
_ASKS_SIZE: Final = (
    r"\bhow (?:far|wide|deep|high|tall|thick|big|large|heavy|hot|warm)\b|\b(?:what|which) .{0,20}\b"
    r"(?:force|pressure|level|depth|width|height|temperature|speed|torque|weight|size|distance)\b"
)
_KINDS: Final = (
    (_ASKS_DURATION, _DURATION), (_ASKS_MONEY, _MONEY), (_ASKS_SHARE, _SHARE), (_ASKS_DATE, rf"{_DATE}|{_DURATION}"),
    (_ASKS_SIZE, r"\d"), (r"\bhow (?:many|much)\b|\bwhat number\b", _COUNT),
)  # fmt: skip
"""What asks for a kind, and what a sentence of the kind holds; the first that a question asks for counts."""
_COMPILED: Final = tuple((re.compile(asks, re.IGNORECASE), re.compile(has, re.IGNORECASE)) for asks, has in _KINDS)


def expected(question: str) -> re.Pattern[str] | None:
    """What a sentence must hold to be of the kind that is asked for; None when no kind is."""
    return next((has for asks, has in _COMPILED if asks.search(question)), None)
