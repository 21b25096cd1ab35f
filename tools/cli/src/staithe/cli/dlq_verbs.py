"""dlq list, show, replay, drop: what could not be processed, and what to do with it."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from staithe.cli.console import EXIT_FAILED, err, guarded, out, print_json, progress_bar
from staithe.cli.letter_box import Letter, LetterBox, LetterStatus, Wanted
from staithe.cli.letter_show import letter_panel, letters_table, outcomes_table
from staithe.cli.letter_work import LetterDesk
from staithe.cli.local import LocalStack
from staithe.cli.preview import masked, readable
from staithe.cli.stack_verbs import JsonOption
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import SystemClock
from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.events import Outcome
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.stack.identities import OPERATOR

LISTED_MAX: Final = 10_000
"""More is a flood: narrow the list down; `--all --reason …` settles any number."""
_AGE: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNIT_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")

dlq = typer.Typer(no_args_is_help=True, help="Dead letters: records that could not be processed.")

Ids = Annotated[list[str] | None, typer.Argument(help="Ids or places (topic/partition/offset) of letters.")]
TopicOption = Annotated[str, typer.Option(help="Only letters from this topic.")]
ReasonOption = Annotated[str, typer.Option(help="Only letters with this reason code.")]
TenantOption = Annotated[str, typer.Option(help="Only letters of this tenant's documents, where that is known.")]
SinceOption = Annotated[str, typer.Option(help="Only younger ones: 30m, 12h, 7d, or a time such as 2026-01-31T08:00Z.")]
All = Annotated[bool, typer.Option("--all", help="Every open letter.")]


@contextmanager
def _codec(stack: LocalStack) -> Iterator[EventCodec]:
    codec = stack.codec()
    try:
        yield codec
    finally:
        codec.close()


def since_ms(text: str, *, now_ms: int) -> int:
    """The instant that `--since` names; raises ConfigurationError when it names none."""
    age = _AGE.fullmatch(text)
    if age is not None:
        return now_ms - int(age[1]) * _UNIT_MS[age[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            "--since takes 30m, 12h, 7d or a time such as 2026-01-31T08:00Z", reason_code="USAGE"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _wanted(
    ids: list[str] | None, topic: str, reason: str, tenant: str, since: str, *, states: frozenset[LetterStatus]
) -> Wanted:
    instant = since_ms(since, now_ms=SystemClock().now_ms()) if since else 0
    return Wanted(frozenset(ids or ()), topic, reason, tenant, instant, states)


@dlq.command("list")
@guarded
def list_letters(
    topic: TopicOption = "", reason: ReasonOption = "", tenant: TenantOption = "", since: SinceOption = "",
    every: Annotated[bool, typer.Option("--all", help="Replayed and dropped ones too.")] = False,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show where each letter comes from, why it is here, whose it is, and what was done with it. No content."""
    stack = LocalStack()
    states = frozenset(LetterStatus) if every else frozenset({LetterStatus.OPEN})
    wanted = _wanted(None, topic, reason, tenant, since, states=states)
    rows: list[dict[str, Any]] = []
    with _codec(stack) as codec, progress_bar() as progress:
        task = progress.add_task("letters", total=None)
        box = LetterBox(stack, codec, stack.operator_opener())
        for letter in box.letters(wanted, box.settled()):
            if len(rows) == LISTED_MAX:
                raise ConfigurationError(
                    f"there are more than {LISTED_MAX} letters: narrow them down with --topic, --reason, --tenant "
                    "or --since",
                    reason_code="LETTERS_TOO_MANY",
                )
            rows.append(letter.summary(now_ms=SystemClock().now_ms()))
            progress.advance(task)
    if as_json:
        print_json(rows)
    else:
        out.print(letters_table(rows))


@dlq.command()
@guarded
def show(
    letter: Annotated[str, typer.Argument(help="Id or place of the letter.")],
    reveal: Annotated[bool, typer.Option(help="Show the content as it is. This goes into the audit log.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a letter's particulars and a masked preview of the record."""
    stack = LocalStack()
    with _codec(stack) as codec:
        found = LetterBox(stack, codec, stack.operator_opener()).one(letter)
        if reveal:
            _note_reveal(stack, codec, found)
    body = found.summary(now_ms=SystemClock().now_ms()) | {"message": found.letter.message, "whole": found.whole}
    if found.record is None:
        text = "(sealed under a key that is gone or not the operator's)"
    else:
        text = readable(found.event, found.record.value)
        text = text if reveal else masked(text)
    if as_json:
        raw = found.record.value if found.record and reveal else None
        print_json(body | {"preview": text} | ({"record_base64": base64.b64encode(raw).decode()} if raw else {}))
    else:
        out.print(letter_panel(body, text, revealed=reveal))


def _note_reveal(stack: LocalStack, codec: EventCodec, found: Letter) -> None:
    """Durable before anything is shown."""
    dead, publisher = found.letter, Publisher(stack.access(OPERATOR), codec)
    try:
        audit = AuditAuthor(OPERATOR, SystemClock()).about_record(
            "record.revealed", outcome=Outcome.SUCCESS, reason_code=dead.reason_code,
            attributes={"topic": dead.topic, "partition": str(dead.partition), "offset": str(dead.offset)},
        )  # fmt: skip
        publisher.publish(AUDIT_TOPIC, audit)
    finally:
        publisher.close()


@dlq.command()
@guarded
def replay(
    letters: Ids = None, topic: TopicOption = "", reason: ReasonOption = "", tenant: TenantOption = "",
    since: SinceOption = "", every: All = False,
    again: Annotated[bool, typer.Option(help="Also what was replayed or dropped before.")] = False,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Send letters to the topic they come from, byte for byte; each once, however often this is run or interrupted."""
    states = frozenset(LetterStatus) if again else frozenset({LetterStatus.OPEN})
    wanted = _chosen(_wanted(letters, topic, reason, tenant, since, states=states), every)
    _settle(wanted, lambda desk, letter: desk.replay(letter), "replayed", as_json=as_json)


@dlq.command()
@guarded
def drop(
    why: Annotated[str, typer.Option("--why", help="One word for the audit log, such as duplicate or spam.")],
    letters: Ids = None, topic: TopicOption = "", reason: ReasonOption = "", tenant: TenantOption = "",
    since: SinceOption = "", every: All = False, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Settle letters without sending them; their bytes stay, sealed, until the topic's retention ends."""
    if not _WORD.fullmatch(why):
        raise ConfigurationError("--why is one word of a-z, 0-9 and _", reason_code="USAGE")
    wanted = _wanted(letters, topic, reason, tenant, since, states=frozenset({LetterStatus.OPEN}))
    _settle(_chosen(wanted, every), lambda desk, letter: desk.drop(letter, why), "dropped", as_json=as_json)


def _chosen(wanted: Wanted, every: bool) -> Wanted:
    if wanted.everything and not every:
        raise ConfigurationError(
            "say which letters: ids, --topic, --reason, --tenant or --since; or --all", reason_code="USAGE"
        )
    return wanted


def _settle(wanted: Wanted, act: Callable[[LetterDesk, Letter], None], done: str, *, as_json: bool) -> None:
    stack, clock = LocalStack(), SystemClock()
    rows: list[dict[str, Any]] = []
    with _codec(stack) as codec, LetterDesk(stack, codec, clock) as desk, progress_bar() as progress:
        task = progress.add_task("letters", total=None)
        # What is settled is read after the desk is ours: nobody can settle anything else from here on.
        box = LetterBox(stack, codec, stack.operator_opener())
        for letter in box.letters(wanted, box.settled()):
            outcome = done
            try:
                act(desk, letter)
            except InvalidEvent as error:
                outcome = error.reason_code
            rows.append({"id": letter.letter.event_id, "place": letter.letter.place, "outcome": outcome})
            progress.advance(task)
    if as_json:
        print_json(rows)
    else:
        out.print(outcomes_table(rows))
    missing = wanted.ids - {each[name] for each in rows for name in ("id", "place")}
    if missing:
        err.print(f"[yellow]![/] {len(missing)} of the letters named are not there, or settled already")
    raise typer.Exit(EXIT_FAILED if missing or any(each["outcome"] != done for each in rows) else 0)
