"""Expressions answer as google-re2's own functions do, which they go around."""

from typing import Any

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from staithe.sanitization.detect.expressions import Expression

PATTERNS = [rb"\d{2,4}", rb"a(?P<value>b+)c?", rb"(?P<value>x)|y", rb"\bword\b", rb"", rb"(?P<value>q)?z", rb"[^a]+$"]
TEXTS = st.text(alphabet="ab c1234xyzqword\u00e9\n", max_size=30).map(str.encode)


def spans(match: Any, group: int | str = 0) -> Any:
    return None if match is None else match.span(group)


@given(st.sampled_from(PATTERNS), TEXTS, st.data())
def test_places_are_those_of_the_package(pattern: bytes, text: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    ours, theirs = Expression(pattern), re2.compile(pattern)
    assert ours.search(text, start, end) == spans(theirs.search(text, start, end))
    assert ours.match(text, start, end) == spans(theirs.match(text, start, end))
    group = theirs.groupindex.get(b"value", 0)
    for anywhere, match in ((True, theirs.search(text, start, end)), (False, theirs.match(text, start, end))):
        expected = None if match is None else (*match.span(group), match.end())
        assert ours.value(text, start, end, anywhere=anywhere) == expected


@pytest.mark.parametrize("pattern", [b"(", b"a**", rb"(?=a)", rb"\1"])
def test_wrong_expression_is_refused(pattern: bytes) -> None:
    with pytest.raises(re2.error):
        Expression(pattern)
