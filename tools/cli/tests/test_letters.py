"""Dead letters as an operator sees them: what is known, what is asked for, and what is shown of their content."""

from dataclasses import replace

import pytest

from staithe.cli.dlq_verbs import since_ms
from staithe.cli.letter_box import Letter, LetterStatus, Wanted
from staithe.cli.preview import PREVIEW_CHARACTERS_MAX, WITHHELD, masked, readable
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.events import DeadLettered, DocumentSubmitted
from staithe.kernel.lineage import sha256
from staithe.kernel.stopped import DeadLetterSettled, LetterState
from staithe.kernel.stream.record import Record
from staithe.kernel.vocabulary import DocumentId, TenantId

NOW_MS = 1_790_000_000_000
EVENT = DocumentSubmitted(
    event_id="e", tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), document_version=7,
    occurred_at=NOW_MS, name="leave.md", content=b"Write to anna@example.com, card 4111 1111 1111 1111.\x1b[2J",
)  # fmt: skip
DEAD = DeadLettered(
    event_id="id-1", occurred_at=NOW_MS - 90_000, service="ingestion", topic="documents.submitted.v1", partition=3,
    offset=9, reason_code="DOCUMENT_EMPTY", message="the document is empty", sealed_record=b"s",
    record_sha256=sha256(b"value"), record_bytes=5,
)  # fmt: skip
RECORD = Record("documents.submitted.v1", 3, 9, b"millrace/from-key", b"value", ())
LETTER = Letter(DEAD, RECORD, EVENT)
REPLAYED = DeadLetterSettled(
    event_id="id-1", state=LetterState.REPLAYED, topic=DEAD.topic, partition=3, offset=9, occurred_at=NOW_MS, replays=1
)


def test_letter_is_open_until_it_is_settled() -> None:
    assert LETTER.status is LetterStatus.OPEN
    assert replace(LETTER, settled=REPLAYED).status is LetterStatus.REPLAYED


@pytest.mark.parametrize(
    ("letter", "document"),
    [
        (LETTER, ("harbour", "leave", 7)),
        (replace(LETTER, event=replace(EVENT, document_version=0)), ("harbour", "leave", NOW_MS)),
        (replace(LETTER, event=None), ("millrace", "from-key", 0)),
        (replace(LETTER, event=None, record=replace(RECORD, key=b"x")), ("", "", 0)),
        (replace(LETTER, event=None, record=replace(RECORD, key=None)), ("", "", 0)),
        (replace(LETTER, event=None, record=None), ("", "", 0)),
    ],
)
def test_document_is_named_as_far_as_it_is_known(letter: Letter, document: tuple[str, str, int]) -> None:
    assert letter.document == document


def test_letter_that_was_cut_or_does_not_open_is_not_whole() -> None:
    assert LETTER.whole
    assert not replace(LETTER, record=replace(RECORD, value=b"valu")).whole
    assert not replace(LETTER, record=None).whole


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(ids=frozenset({"id-1", "another"})),
        Wanted(ids=frozenset({"documents.submitted.v1/3/9"})),
        Wanted(topic="documents.submitted.v1", reason_code="DOCUMENT_EMPTY", tenant_id="harbour"),
        Wanted(topic="documents.submitted.v1.dlq"),
        Wanted(since_ms=NOW_MS - 90_000),
    ],
)
def test_letter_that_fits_is_taken(wanted: Wanted) -> None:
    assert wanted.takes(LETTER)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(ids=frozenset({"id-2", "documents.submitted.v1/3/99"})),
        Wanted(topic="documents.submitted"),
        Wanted(reason_code="DOCUMENT"),
        Wanted(tenant_id="millrace"),
        Wanted(since_ms=NOW_MS - 89_999),
        Wanted(states=frozenset({LetterStatus.DROPPED})),
    ],
)
def test_letter_that_does_not_fit_is_left(wanted: Wanted) -> None:
    assert not wanted.takes(LETTER)


def test_summary_has_no_content() -> None:
    told = replace(LETTER, settled=REPLAYED).summary(now_ms=NOW_MS)
    assert (told["age_seconds"], told["state"], told["replays"]) == (90, "replayed", 1)
    assert "anna" not in repr(told)
    assert "value" not in repr(told)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("30m", NOW_MS - 1_800_000),
        ("2d", NOW_MS - 172_800_000),
        ("2026-01-31T08:00Z", 1_769_846_400_000),
        ("2026-01-31T08:00", 1_769_846_400_000),
    ],
)
def test_since_names_an_instant(text: str, instant: int) -> None:
    assert since_ms(text, now_ms=NOW_MS) == instant


@pytest.mark.parametrize("text", ["0h", "5", "yesterday", "-3d", "9999999d", "5 h"])
def test_since_that_names_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        since_ms(text, now_ms=NOW_MS)


def test_preview_is_masked_and_obeys_no_terminal_code() -> None:
    shown = masked(readable(EVENT, b"value"))
    assert "Write to [EMAIL], card [" in shown
    assert "anna" not in shown
    assert "4111" not in shown
    assert "\x1b" not in shown


def test_preview_of_bytes_that_are_no_event_is_masked_too() -> None:
    shown = masked(readable(None, b"\x00\xff anna@example.com \x1b]0;title\x07"))
    assert "[EMAIL]" in shown
    assert all(each.isprintable() for each in shown)


def test_preview_is_short_and_cuts_no_finding_in_two() -> None:
    text = "x" * (PREVIEW_CHARACTERS_MAX - 5) + " anna@example.com"
    assert "anna" not in masked(text)
    assert len(masked("word " * 10_000)) <= PREVIEW_CHARACTERS_MAX + 1


def test_preview_that_cannot_be_checked_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staithe.cli.preview.masking_engine", lambda: 1 / 0)
    assert masked("anna@example.com") == WITHHELD
