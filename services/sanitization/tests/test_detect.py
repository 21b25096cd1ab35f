"""Detection: each entity at its place, look-alikes left alone, nothing hidden in another's shape, bounded work."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.kernel.errors import InvalidEvent
from staithe.kernel.limits import TEXT_CHARACTERS_MAX
from staithe.sanitization.detect import Detector, Finding, mask

DETECTOR = Detector(names=False)
CARD, IBAN, PHONE, EMAIL = (
    "4111 1111 1111 1111",
    "GB82 WEST 1234 5698 7654 32",
    "+44 20 7946 0958",
    "jane.doe@example.com",
)
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcd+/=\n-----END RSA PRIVATE KEY-----"
AWS, TOKEN = "AKIA" + "A1B2" * 4, "ghp_" + "a1B2" * 9
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWhlcmU"
URL = "postgres://user:hunter22@db.internal/main"
EXAMPLES = [
    ("CARD", CARD), ("CARD", "4111-1111-1111-1111"), ("CARD", "378282246310005"), ("IBAN", IBAN),
    ("IBAN", "DE89370400440532013000"), ("PHONE", PHONE), ("PHONE", "020 7946 0958"), ("PHONE", "0049 30 901820"),
    ("EMAIL", EMAIL), ("EMAIL", "a+b@sub.example.co.uk"), ("PRIVATE_KEY", KEY),
    ("PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nMIIE"), ("SECRET", AWS), ("SECRET", TOKEN), ("SECRET", JWT),
    ("SECRET", URL), ("SECRET", "password: hunter2hunter2"), ("SECRET", 'API_KEY = "abcdefgh12345"'),
    ("SECRET", "xoxb-1234567890-abc"),
]  # fmt: skip


def found(text: str) -> list[tuple[str, str]]:
    return [(each.entity, text[each.start : each.end]) for each in DETECTOR.find(text)]


@pytest.mark.parametrize(("entity", "text"), EXAMPLES)
@pytest.mark.parametrize("around", ["{}", "see {} please", "Grüße \U0001f600 日本 {} für", "({})", "\n{}\n"])
def test_entity_is_found_at_its_place(entity: str, text: str, around: str) -> None:
    whole = around.format(text)
    findings = DETECTOR.find(whole)
    assert [each.entity for each in findings] == [entity]
    value = whole[findings[0].start : findings[0].end].strip()
    if entity == "PRIVATE_KEY":
        assert value.startswith(text), "a key without an end takes with it what may still be of it"
    else:
        assert value == text or (entity == "SECRET" and value in text and len(value) >= 8)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "1234 5678 9012 3456", "GB00 WEST 1234 5698 7654 32", "DE00370400440532013000",
        "order 12345", "12:30", "version 1.2.3.4", "jane at example.com", "jane@localhost", "@handle",
        "AKIA" + "a" * 16, "ghp_short", "eyJ.eyJ.x", "password: short", "BEGIN PRIVATE KEY",
    ],
)  # fmt: skip
def test_look_alike_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        (f"{CARD} {EMAIL} {PHONE}", ["CARD", "EMAIL", "PHONE"]),
        (f"020 7946 0958 {CARD}", ["PHONE", "CARD"]),
        (f"1234 {CARD}", ["CARD"]),
        (f"{CARD} 123", ["CARD"]),
        (f"378282246310005 {CARD}", ["CARD", "CARD"]),
        ("4111111111111111-12", ["CARD"]),
        (f"{IBAN} 1234", ["IBAN"]),
        (f"password: {KEY}", ["PRIVATE_KEY"]),
        (f"xoxb-1234567890{KEY}", ["SECRET", "PRIVATE_KEY"]),
        (f"mail {EMAIL},{EMAIL};{EMAIL}", ["EMAIL"] * 3),
        (f"é{EMAIL}é", ["EMAIL"]),
        (f"{IBAN}\n{CARD}", ["IBAN", "CARD"]),
        ("GB00 AAAA 4111 1111 1111 1111", ["CARD"]),
    ],
)
def test_nothing_hides_in_the_shape_of_another(text: str, entities: list[str]) -> None:
    assert [entity for entity, _ in found(text)] == entities


def test_key_in_a_setting_leaves_nothing_of_itself() -> None:
    text = f"secret_key: {KEY}\nnext: 1"
    assert mask(text, DETECTOR.find(text)) == "secret_key: [PRIVATE_KEY]\nnext: 1"


def test_card_behind_a_phone_number_leaves_no_digit() -> None:
    text = f"020 7946 0958 {CARD}"
    assert mask(text, DETECTOR.find(text)) == "[PHONE] [CARD]"


PIECES = st.sampled_from(
    [*(text for _, text in EXAMPLES), " ", "\n", ", ", "é", "\U0001f600", "1", "0", "word", "-", "+", "("]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_findings_are_in_order_and_do_not_overlap(text: str) -> None:
    findings = DETECTOR.find(text)
    for each, following in itertools.pairwise(findings):
        assert each.end <= following.start
    assert all(0 <= each.start < each.end <= len(text) for each in findings)


@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_masked_text_holds_no_finding_but_masks(text: str) -> None:
    # Masks without a meaning: the word PHONE would speak for digits beside it.
    masked = mask(text, [each._replace(entity="X") for each in DETECTOR.find(text)])
    again = [masked[each.start : each.end] for each in DETECTOR.find(masked)]
    assert all("[X]" in each for each in again), "a second look may only swallow a mask"


@given(st.text(max_size=60))
def test_any_text_is_settled(text: str) -> None:
    assert isinstance(DETECTOR.find(text), list)


def test_mask_replaces_exactly_the_spans() -> None:
    assert mask("abcdef", [Finding("X", 1, 3), Finding("Y", 3, 4)]) == "a[X][Y]ef"
    assert mask("abc", []) == "abc"


PATTERNS = [
    "1111 1111 1111 1112 ", "(1(1(1(1", "+1 ", "0-", "0 0 0 0 0 0 0 ", "GB00 AAAA BBBB CCCC ", "AA00AAAA", "a@", "a.a.a@",  # noqa: E501
    "a" * 64 + "@", "-----BEGIN A ", "-----BEGIN PRIVATE KEY", "eyJ", "eyJ-1111-1111-1111-1112-", "eyJaaaaaaaaaa.eyJ",
    "x://", "x://a:", "password=", "api key: ", "AKIA", "é0 ", "\u0660",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_half_a_mebibyte_of_look_alikes_is_bounded_work(pattern: str) -> None:
    text = (pattern * (TEXT_CHARACTERS_MAX // len(pattern) + 1))[:TEXT_CHARACTERS_MAX]
    started = time.process_time()
    try:
        DETECTOR.find(text)
    except InvalidEvent as refusal:
        outcome = refusal.reason_code
    else:
        outcome = "FINISHED"
    assert outcome in ("FINISHED", "DETECTION_WORK_EXCEEDED")
    assert time.process_time() - started < 25, "measured: at most 1 s"


def test_too_many_look_alikes_are_refused_rather_than_passed() -> None:
    text = " ".join(f"{number:08d}A" for number in range(TEXT_CHARACTERS_MAX // 9))
    with pytest.raises(InvalidEvent) as refusal:
        DETECTOR.find(text)
    assert refusal.value.reason_code == "DETECTION_WORK_EXCEEDED"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("on May 5, 2019 at", "May 5, 2019"), ("am 3. März kam", "3. März"), ("le 5 mars au", "5 mars"),
        ("the 12th of March came", "12th of March"), ("in Sept. 2019,", "Sept. 2019"), ("Founded in 1977 (by", "1977"),
        ("a 1996 report", "1996"), ("last TUESDAY night", "TUESDAY"), ("since 2019-05-03", "2019-05-03"),
        ("by 2019/12/03.", "2019/12/03"),
    ],
)  # fmt: skip
def test_date_in_words_is_found(text: str, date: str) -> None:
    assert found(text) == [("DATE", date)]


@pytest.mark.parametrize(
    "text",
    ["march 10 miles", "10 Decisions", "room 2019", "in 2500", "in 1977th", "Maybe 5", "mon day", "may 5", "US 2019"],
)
def test_what_only_looks_like_a_date_in_words_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("paid in 2014 4111 1111 1111 1111", "CARD", "4111 1111 1111 1111"),
        ("from 2001:db8:85a3::8a2e:370:7334", "IP", "2001:db8:85a3::8a2e:370:7334"),
        ("mail in 1984@example.com", "EMAIL", "1984@example.com"),
        (", DE 89370-4004 4111111111111111", "CARD", "4111111111111111"),
        ("Austin, TX 78701-1234", "POSTCODE", "78701-1234"), ("D-20457 Hamburg", "POSTCODE", "D-20457"),
    ],
)  # fmt: skip
def test_a_word_before_a_number_hides_nothing_that_begins_there(text: str, entity: str, value: str) -> None:
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "+49 (0)89 / 1223-34", "+49 89 / 1223 - 34", "+43 (0)1 / 234 56 - 78", "089 / 12 23-34", "030 / 123 456 - 0",
        "089 / 1234567", "0049 (0)89 / 122334",
    ],
)  # fmt: skip
def test_telephone_number_with_spaces_around_its_signs_is_found(text: str) -> None:
    assert found(text) == [("PHONE", text)]


@pytest.mark.parametrize(
    "text",
    [
        "01 - 05 / 2019", "0123 / 4567", "pages 012 - 345", "10 - 12 / 14 - 16", "2019 / 2020 - 2021 / 22",
        "Room (0) 12 / 14-16", "1 / 2 - 3 / 4 - 5 / 6",
    ],
)  # fmt: skip
def test_numbers_with_spaces_around_their_signs_that_are_none_are_left_alone(text: str) -> None:
    assert "PHONE" not in [entity for entity, _ in found(text)]
