"""Dead letters: what could not be processed, a masked look at each, and what to do with it."""

from contextlib import closing
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from staithe.cli.desk.frame import notice, page
from staithe.cli.desk.guard import Session
from staithe.cli.desk.markup import Html, element, facts, field, moment, table
from staithe.cli.letter_box import Letter, LetterBox, LetterStatus, Wanted
from staithe.cli.letter_show import age
from staithe.cli.letter_work import LetterDesk
from staithe.cli.local import LocalStack
from staithe.cli.preview import masked, readable
from staithe.kernel.clock import SystemClock
from staithe.kernel.errors import ConfigurationError

PATH: Final = "/letters"
ROWS_MAX: Final = 200
TOLD: Final = {"replayed": "Sent once more, exactly as it was.", "dropped": "Dropped: nothing more is done with it."}
WORDS: Final = ("duplicate", "obsolete", "spam", "test", "other")
"""Why a letter is dropped, as the log has it."""


def show_list(stack: LocalStack, asked: dict[str, str]) -> str:
    """The letters that fit; open ones unless `all` is asked for."""
    states = frozenset(LetterStatus) if asked.get("all") else frozenset({LetterStatus.OPEN})
    wanted = Wanted(
        topic=asked.get("topic", ""), reason_code=asked.get("reason", ""), tenant_id=asked.get("tenant", ""),
        states=states,
    )  # fmt: skip
    now = SystemClock().now_ms()
    with closing(stack.codec()) as codec:
        box = LetterBox(stack, codec, stack.operator_opener())
        found = list(islice(box.letters(wanted, box.settled()), ROWS_MAX + 1))
    rows = [each.summary(now_ms=now) for each in found[:ROWS_MAX]]
    told = f"{len(rows)} letters" + (", and more: narrow them down" if len(found) > ROWS_MAX else "")
    filters = element(
        "form", field("Tenant", "tenant", asked.get("tenant", "")), field("Topic", "topic", asked.get("topic", "")),
        field("Reason code", "reason", asked.get("reason", "")),
        element(
            "p", element("label", "Settled ones too", for_="field-all"),
            element("input", id="field-all", name="all", type="checkbox", value="1", checked=bool(asked.get("all"))),
        ),
        element("button", "Filter", type="submit"), class_="filter", method="get",
    )  # fmt: skip
    headings = ("letter", "reason", "stage", "topic", "document", "bytes", "state", "age")
    return page(
        "Dead letters", PATH, notice(TOLD[asked["told"]]) if asked.get("told") in TOLD else "", filters,
        table(told, headings, map(_line, rows), empty="No letter fits: nothing of the kind was refused."),
    )  # fmt: skip


def _line(row: dict[str, Any]) -> list[str]:
    document = f"{row['tenant_id']}/{row['document_id']}" if row["document_id"] else "unknown"
    state = element("span", row["state"], class_="waiting" if row["state"] == "open" else "soft")
    return [
        element("a", row["place"], href=f"{PATH}/{quote(row['id'], safe='')}"), row["reason_code"], row["stage"],
        row["topic"], document, f"{row['record_bytes']:,}", state, age(row["age_seconds"]),
    ]  # fmt: skip


def show_one(stack: LocalStack, session: Session, letter: str) -> str:
    """One letter's particulars and its record, masked."""
    found = _one(stack, letter)
    row = found.summary(now_ms=SystemClock().now_ms())
    document = f"{row['tenant_id']}/{row['document_id']}" if row["document_id"] else "unknown"
    shown = facts(
        [
            ("place", row["place"]), ("reason", row["reason_code"]), ("in words", found.letter.message),
            ("stage", row["stage"]), ("document", document), ("when", moment(row["occurred_at"])),
            ("bytes", f"{row['record_bytes']:,}"), ("holds the whole record", "yes" if found.whole else "no"),
            ("state", row["state"]), ("replays", str(row["replays"])),
        ]
    )  # fmt: skip
    hidden = found.record is None
    text = "(sealed under a key that is gone or not the operator's)" if hidden else masked(_text(found))
    acts = [_replay(session, row["id"]), _drop(session, row["id"])] if found.status is LetterStatus.OPEN else []
    return page(
        "Dead letter", PATH, shown, *acts, element("h2", "The record, masked by the detectors"),
        element("pre", text, tabindex="0", aria_label="masked record"),
    )  # fmt: skip


def _text(found: Letter) -> str:
    return readable(found.event, found.record.value if found.record else None)


def _one(stack: LocalStack, letter: str) -> Letter:
    with closing(stack.codec()) as codec:
        return LetterBox(stack, codec, stack.operator_opener()).one(letter)


def _replay(session: Session, letter: str) -> Html:
    return element(
        "form", session.hidden_token(), element("input", type="hidden", name="act", value="replay"),
        element("button", "Send it once more", type="submit"), class_="act", method="post",
        action=f"{PATH}/{quote(letter, safe='')}",
    )  # fmt: skip


def _drop(session: Session, letter: str) -> Html:
    reasons = (element("option", each, value=each) for each in WORDS)
    return element(
        "form", session.hidden_token(), element("input", type="hidden", name="act", value="drop"),
        element(
            "p", element("label", "Why", for_="field-why"), element("select", *reasons, id="field-why", name="why")
        ),
        element("button", "Drop it", type="submit", class_="plain"), class_="act", method="post",
        action=f"{PATH}/{quote(letter, safe='')}",
    )  # fmt: skip


def settle(stack: LocalStack, letter: str, form: dict[str, str]) -> str:
    """Replay or drop one open letter; where to go on. Raises as LetterDesk does."""
    act, why = form.get("act", ""), form.get("why", "")
    if act not in ("replay", "drop") or (act == "drop" and why not in WORDS):
        raise ConfigurationError("the form is not whole; load the page again", reason_code="FORM_INCOMPLETE")
    with closing(stack.codec()) as codec, LetterDesk(stack, codec, SystemClock()) as desk:
        # Read after the desk is ours: nobody can settle it in between.
        found = LetterBox(stack, codec, stack.operator_opener()).one(letter)
        if found.status is not LetterStatus.OPEN:
            raise ConfigurationError("somebody has settled this letter already", reason_code="LETTER_SETTLED")
        if act == "replay":
            desk.replay(found)
        else:
            desk.drop(found, why)
    return f"{PATH}?told={'replayed' if act == 'replay' else 'dropped'}"
