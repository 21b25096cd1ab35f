"""Dead letters by the operator's command: seen, masked, replayed once however often it is killed, dropped, audited."""

import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest
from support.checker import Checker, Version, within
from support.live import REPOSITORY, LiveStack

from staithe.kernel.clock import SystemClock
from staithe.kernel.crypto.sealing import KeyringSealer
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import DocumentSubmitted
from staithe.kernel.ids import new_event_id
from staithe.kernel.stream.letters import dead_letter
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.record import Record
from staithe.kernel.stream.tail import Tail
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier
from staithe.keys.client.sealing import VersionSealer
from staithe.stack.fates import DocumentKey, Fate
from staithe.stack.identities import KEYRING, OPERATOR

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

TOPIC = "documents.submitted.v1"
REASON = "STAGE_CRASHED"
LETTERS = 12
KILLS_SECONDS = (1.2, 1.6, 2.0)
"""After about this long the command has begun to replay."""
TRACEPARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def good_document(name: str) -> DocumentSubmitted:
    now = time.time_ns() // 1_000_000
    return DocumentSubmitted(
        event_id=new_event_id(now), tenant_id=TenantId("harbour"), document_id=DocumentId(name), document_version=now,
        occurred_at=now, access=Access(Tier.OFFICE, (), Classification.INTERNAL), source="test", name="quay.md",
        content_type="text/markdown", content=f"# Quay\n\nAsk anna@example.com about {name}.\n".encode(),
    )  # fmt: skip


def letters_of_a_bad_deployment(live: LiveStack, checker: Checker) -> dict[str, DocumentSubmitted]:
    """Good documents that a crashing release has dead-lettered, as its settler would have: by letter id."""
    keyring = KeyringSealer.from_file(live.paths.secrets_of("ingestion") / KEYRING)
    sealer = VersionSealer(checker.local.keys("ingestion"), SystemClock(), keyring)
    publisher = Publisher(checker.local.access(OPERATOR), checker.codec)
    made = {}
    for number in range(LETTERS):
        event = good_document(f"crashed-{uuid.uuid4().hex}")
        headers = (("traceparent", TRACEPARENT), ("origin", b"\x00\xff"))
        record = Record(TOPIC, 0, 10_000_000 + number, event.key, checker.codec.encode(TOPIC, event), headers)
        error = InvalidEvent("the stage crashed with ValueError", reason_code=REASON)
        letter = dead_letter("ingestion", record, error, sealer, now_ms=event.occurred_at)
        publisher.publish(f"{TOPIC}.dlq", letter)
        made[letter.event_id] = event
    publisher.close()
    return made


def submitted(checker: Checker) -> list[Record]:
    """Every committed record of the topic that replays go to."""
    tail, records = Tail(checker.local.access(OPERATOR), [TOPIC], from_beginning=True), []
    while not tail.finished():
        records += tail.poll(0.5)
    tail.close()
    return records


def kill_after(live: LiveStack, seconds: float, *arguments: str) -> None:
    """Run a `staithe` command and kill -9 it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "staithe.cli", *arguments], cwd=REPOSITORY, env=live.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_letters_are_replayed_once_however_often_the_command_is_killed(live: LiveStack, checker: Checker) -> None:
    made = letters_of_a_bad_deployment(live, checker)
    listed = {each["id"]: each for each in live.cli_json("dlq", "list", "--reason", REASON, "--tenant", "harbour")}
    assert made.keys() <= listed.keys()
    assert {listed[each]["state"] for each in made} == {"open"}
    assert all(listed[each]["document_id"] == event.document_id for each, event in made.items())

    for seconds in KILLS_SECONDS:
        kill_after(live, seconds, "dlq", "replay", *made)
    last = live.cli("dlq", "replay", *made, "--json")
    settled = {each["id"]: each for each in live.cli_json("dlq", "list", "--all", "--reason", REASON)}
    assert {settled[each]["state"] for each in made} == {"replayed"}
    assert {settled[each]["replays"] for each in made} == {1}
    assert all(each["outcome"] == "replayed" for each in json.loads(last.stdout))

    keys = {event.key for event in made.values()}
    sent = [each for each in submitted(checker) if each.key in keys]
    assert Counter(each.key for each in sent) == dict.fromkeys(keys, 1)
    by_key = {event.key: checker.codec.encode(TOPIC, event) for event in made.values()}
    assert all(each.value == by_key[each.key or b""] for each in sent)
    assert {tuple(each.headers) for each in sent} == {(("traceparent", TRACEPARENT), ("origin", b"\x00\xff"))}

    versions: list[Version] = [
        (DocumentKey(each.tenant_id, each.document_id), each.document_version) for each in made.values()
    ]
    assert set(checker.fates(versions).values()) == {Fate.INDEXED}
    checker.assert_each_ended_once(versions)
    checker.assert_index_holds_what_is_current()


def test_letter_is_shown_masked_and_revealed_only_with_an_entry_in_the_log(live: LiveStack, checker: Checker) -> None:
    name = next(iter(letters_of_a_bad_deployment(live, checker)))
    shown = live.cli_json("dlq", "show", name)
    assert "[EMAIL]" in shown["preview"]
    assert "anna@" not in json.dumps(shown)
    assert shown["whole"]
    before = audited(checker, "record.revealed")
    assert "anna@example.com" in live.cli_json("dlq", "show", name, "--reveal")["preview"]
    assert audited(checker, "record.revealed") == before + 1


def audited(checker: Checker, action: str) -> int:
    return sum(getattr(each, "action", "") == action for each in checker.read("audit.events.v1"))


def test_dropped_letter_is_settled_for_good_and_audited(live: LiveStack, checker: Checker) -> None:
    name, event = next(iter(letters_of_a_bad_deployment(live, checker).items()))
    (dropped,) = live.cli_json("dlq", "drop", name, "--why", "duplicate")
    assert dropped["outcome"] == "dropped"
    refused = live.cli("dlq", "replay", name)
    assert (refused.returncode, "not there, or settled already" in refused.stderr) == (1, True)
    assert [each for each in submitted(checker) if each.key == event.key] == []
    (row,) = [each for each in live.cli_json("dlq", "list", "--all") if each["id"] == name]
    assert (row["state"], row["drop_reason"]) == ("dropped", "duplicate")

    def logged() -> bool:
        return any(
            each.action == "record.dropped" and each.attributes.get("drop_reason") == "duplicate"
            for each in checker.entries()
        )

    assert within(60, logged)


def test_bad_record_that_is_replayed_comes_back_as_a_new_letter(live: LiveStack, tmp_path: Path) -> None:
    bad = tmp_path / "not.pdf"
    bad.write_bytes(b"PK\x03\x04 not a document")
    (row,) = json.loads(live.cli("publish", str(bad), "--tenant", "harbour", "--json").stdout)
    assert row["fate"] == "dead-lettered"

    def letters() -> list[dict[str, str]]:
        found = live.cli_json("dlq", "list", "--all", "--tenant", "harbour")
        return [each for each in found if each["document_id"] == row["document_id"]]

    (first,) = letters()
    live.cli_json("dlq", "replay", first["id"])
    assert within(60, lambda: len(letters()) == 2)
    assert sorted(each["state"] for each in letters()) == ["open", "replayed"]
    live.cli_json("dlq", "replay", first["id"], "--again")
    assert within(60, lambda: len(letters()) == 3)


@pytest.mark.parametrize("arguments", [("replay",), ("drop", "--why", "spam"), ("drop", "x", "--why", "No Word")])
def test_command_that_does_not_say_which_letters_is_refused(live: LiveStack, arguments: tuple[str, ...]) -> None:
    assert live.cli("dlq", *arguments).returncode == 2
