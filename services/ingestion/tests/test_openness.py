"""Open elements are counted before HTML is parsed: deep pages are refused at once, real ones never."""

import time

import pytest

from staithe.ingestion.parsers.limits import HTML_OPEN_MAX, STYLE_TRIALS_MAX
from staithe.ingestion.parsers.openness import check_open_elements
from staithe.ingestion.parsers.parse import parse_document
from staithe.kernel.errors import InvalidEvent

MANY = HTML_OPEN_MAX + 1


def reason(markup: str) -> str:
    with pytest.raises(InvalidEvent) as caught:
        parse_document(f"<html><p>x</p>{markup}".encode(), "text/html")
    return caught.value.reason_code


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * MANY, "<DIV>" * MANY, "<b><i>" * MANY, "<div hidden>" * MANY, "<ul><li>" * MANY, "<x/>" * MANY,
        "<!-- <p> --><span>" * MANY, "<script>1<2</script><em>" * MANY, "</div>" * 9 + "<div>" * (MANY + 9),
    ],
)  # fmt: skip
def test_page_with_too_many_open_elements_is_refused(markup: str) -> None:
    assert reason(markup) == "HTML_TOO_COMPLEX"


@pytest.mark.parametrize(
    "markup",
    [
        "<br>" * MANY, "<p>x" * MANY, "<li>x" * MANY, "<tr><td>x" * MANY, "<div>x</div>" * MANY, "<!--<b>-->" * MANY,
        "<svg>" + "<path d='M0 0'/>" * MANY + "</svg>", "<script>" + "a<b;" * MANY + "</script>", "a < b " * MANY,
        "<div>" * (HTML_OPEN_MAX - 1), "<!--" * MANY, "<style>" + "<a" * MANY,
    ],
)  # fmt: skip
def test_page_that_closes_what_it_opens_is_not(markup: str) -> None:
    check_open_elements(markup)


@pytest.mark.parametrize("flood", ["<!--", "<script>", "<div>", "</div>", "<", "<a", "<!-- -->"])
def test_counting_grows_with_the_page(flood: str) -> None:
    started = time.process_time()
    try:
        check_open_elements(flood * 500_000)
    except InvalidEvent as error:
        assert error.reason_code == "HTML_TOO_COMPLEX"  # noqa: PT017 - both ends are good ones
    assert time.process_time() - started < 20, "measured: at most 0.3 s; the square of it would be hours"


def test_rules_times_elements_are_bounded() -> None:
    rules = "i>i{display:none}" * 100
    assert reason(f"<style>{rules}</style>" + "<i></i>" * (STYLE_TRIALS_MAX // 100)) == "HTML_TOO_COMPLEX"
    assert reason("<style>" + "b:has(i){display:none}" * 40 + "</style>" + "<b></b>" * 2_000) == "HTML_TOO_COMPLEX"
    page = f"<style>{rules}b:has(i){{display:none}}</style>" + "<i>y</i><b>z</b>" * 500
    assert "z" in parse_document(f"<html><p>x</p>{page}".encode(), "text/html").text
