"""Detection for all texts: what is found is exactly there, nothing of it stays, work grows with the text."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staithe.kernel.errors import InvalidEvent
from staithe.sanitization.detect import Detector, Finding, mask
from staithe.sanitization.detect.settle import settled
from staithe.sanitization.detect.work import REFUSED_CHECKS_MAX, Work

DETECTOR = Detector(names=False)
VALUES = {
    "4111 1111 1111 1111": "CARD", "5555-5555-5555-4444": "CARD", "371449635398431": "CARD",
    "GB82 WEST 1234 5698 7654 32": "IBAN", "DE89370400440532013000": "IBAN", "jane.doe@example.com": "EMAIL",
    "+44 20 7946 0958": "PHONE", "(212) 555-0187": "PHONE", "536-22-1234": "NATIONAL_ID", "54362315K": "NATIONAL_ID",
    "390.533.447-05": "NATIONAL_ID", "8.8.4.4": "IP", "2001:db8:85a3::8a2e:370:7334": "IP",
    "00:1A:2B:3C:4D:5E": "MAC", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa": "CRYPTO_WALLET",
}  # fmt: skip
VALUE = st.sampled_from(sorted(VALUES))
BETWEEN = st.sampled_from(["\n", " and ", "; ", ", ", "\t", " — ", " für ", "\n日本 ", " | ", ' "x" '])


@settings(max_examples=200)
@given(st.lists(st.tuples(VALUE, BETWEEN), min_size=1, max_size=8))
def test_every_value_is_found_exactly_where_it_stands(parts: list[tuple[str, str]]) -> None:
    text, expected = "Note:\n", []
    for value, between in parts:
        expected.append((VALUES[value], len(text), len(text) + len(value)))
        text += value + between
    found = [(each.entity, each.start, each.end) for each in DETECTOR.find(text)]
    assert found == expected


@settings(max_examples=200)
@given(st.lists(st.tuples(VALUE, BETWEEN), min_size=1, max_size=8))
def test_masked_text_holds_no_value_in_any_writing(parts: list[tuple[str, str]]) -> None:
    text = "Note:\n" + "".join(value + between for value, between in parts)
    masked = mask(text, DETECTOR.find(text))
    for writing in (str, str.casefold, _normalised, _unspaced):
        assert not any(writing(value) in writing(masked) for value, _ in parts)


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _unspaced(text: str) -> str:
    return "".join(each for each in text if each.isalnum() or each in "@.:")


FLOODS = [
    "1111 1111 1111 1112 ", "4111 1111 1111 1112 ", "4111 4111 4111 ", "0 0 0 0 0 0 0 ", "(1(1(1(1", "+1 ", "12 ", "a@",
    "123-45-", "850730-1234 ", "GB00 AAAA BBBB CCCC ", "a.a.a@", "::", "1.1.1.1.", "http://", "x://a:", "eyJ-", "AKIA",
    "-----BEGIN PRIVATE KEY-----", "key token secret ", "P<", "phone 1234567 ", "+49 30 1234567 ", "street ", "1", "A",
]  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS)
def test_work_grows_with_the_text_and_no_faster(flood: str) -> None:
    small, large = (_work(flood * (size // len(flood))) for size in (8_000, 16_000))
    assert large <= 2.1 * small + 64


def _work(text: str) -> int:
    """Candidates, keywords and refused checks: what a text makes the detectors do."""
    encoded, work = text.encode(), Work()
    context, announced = DETECTOR._keywords.read(encoded.lower())
    position = candidates = 0
    while (match := DETECTOR._patterns._scan.search(encoded, position, len(encoded))) is not None:
        position, candidates = max(match[0] + 1, match[1]), candidates + 1
    DETECTOR._patterns.find(encoded, context, work)
    DETECTOR._rules.find(encoded, announced, work)
    return candidates + len(announced) + work.done


@pytest.mark.parametrize("unit", ["a", "1", "a@", "key=", "é", "(" * 9, "a1 " * 5])
def test_line_of_ten_mebibytes_is_settled_or_refused(unit: str) -> None:
    text = unit * ((10 << 20) // len(unit))
    try:
        assert isinstance(DETECTOR.find(text), list)
    except InvalidEvent as refusal:
        assert refusal.reason_code == "DETECTION_WORK_EXCEEDED"  # noqa: PT017 - both ends are good ones


def test_work_above_the_limit_is_refused_and_not_before() -> None:
    work = Work()
    work.spend(REFUSED_CHECKS_MAX)
    with pytest.raises(InvalidEvent) as refusal:
        work.spend()
    assert refusal.value.reason_code == "DETECTION_WORK_EXCEEDED"


def test_more_harmful_stays_whole_and_the_rest_of_the_other_stays_masked() -> None:
    secret, phone, url = Finding("SECRET", 4, 9), Finding("PHONE", 7, 14), Finding("URL", 0, 20)
    assert settled([url, phone, secret]) == [secret, Finding("PHONE", 9, 14)]
    assert settled([Finding("URL", 0, 3), secret]) == [Finding("URL", 0, 3), secret]


SPANS = st.tuples(
    st.sampled_from(["SECRET", "CARD", "PHONE", "EMAIL", "URL", "DATE"]), st.integers(0, 40), st.integers(1, 9)
)


@given(st.lists(SPANS, max_size=12))
def test_settled_findings_never_overlap_and_uncover_nothing_harmful(spans: list[tuple[str, int, int]]) -> None:
    findings = [Finding(entity, start, start + length) for entity, start, length in spans]
    kept = settled(list(findings))
    places = [each for one in kept for each in range(one.start, one.end)]
    assert len(places) == len(set(places))
    harmful = {each for one in findings if one.entity not in {"URL", "DATE"} for each in range(one.start, one.end)}
    assert harmful <= set(places)
