"""What counts as a question: text of bounded length that a person could have typed. Pure."""

import re
import unicodedata
from typing import Final

from staithe.query.limits import QUESTION_CHARACTERS_MAX

_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Co", "Cn"})
_SPACES: Final = re.compile(r"\s+")
_BIDI_AND_TAGS: Final = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
"""Characters that show one text and mean another; joiners that scripts need are not among them."""


def as_question(text: str) -> str:
    """`text` in Normalization Form C with single spaces.

    Raises ValueError, without quoting it, when it is empty, too long, or has characters that nobody types.
    """
    if len(text) > QUESTION_CHARACTERS_MAX:
        raise ValueError(f"must have at most {QUESTION_CHARACTERS_MAX} characters")
    question = _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if not 0 < len(question) <= QUESTION_CHARACTERS_MAX:
        raise ValueError(f"must have 1 to {QUESTION_CHARACTERS_MAX} characters, not only spaces")
    if _BIDI_AND_TAGS.search(question) or any(
        unicodedata.category(character) in _REFUSED_CATEGORIES for character in question
    ):
        raise ValueError("must not contain control, direction or unassigned characters")
    return question
