"""What leaves the log for other programs: valid OCSF, every event once, and only what was asked for."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from staithe.audit.entry import encode_entry
from staithe.audit.export import Format, Wanted, exported
from staithe.audit.log import TransparencyLog
from staithe.audit.ocsf import KINDS, OCSF_VERSION, fork_finding, ocsf_event
from staithe.audit.reader import LogReader
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.events import AuditEvent, Outcome

Make = Callable[[int], AuditEvent]
ORIGIN = "audit.example/test"
DIGEST = "a" * 64


@pytest.fixture(scope="module")
def faults() -> Callable[[dict[str, Any]], list[str]]:
    """What the published schema, and the rule for type_uid, say against an event."""
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))
    validators: dict[int, Draft202012Validator] = {}

    def check(event: dict[str, Any]) -> list[str]:
        uid = event["class_uid"]
        if uid not in validators:
            name = schemas.lookup_class_name_from_uid(class_uid=uid)
            validators[uid] = Draft202012Validator(schemas.get_class_schema(class_name=name))
        found = [error.message for error in validators[uid].iter_errors(event)]
        right = event["type_uid"] == uid * 100 + event["activity_id"] and event["category_uid"] == uid // 1000
        return found if right else [*found, "type_uid or category_uid is wrong"]

    return check


@pytest.mark.parametrize("action", [*KINDS, "something.new", "record.revealed"])
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("bare", [True, False])
def test_every_action_is_valid_ocsf(
    action: str, outcome: Outcome, bare: bool, event: Make, faults: Callable[[dict[str, Any]], list[str]]
) -> None:
    attributes = {} if bare else {"caller_hmac": DIGEST, "tier": "2", "policy_sha256": DIGEST, "method": "GET"}
    changes: dict[str, Any] = {"attributes": attributes, "action": action, "outcome": outcome}
    if bare:
        changes |= {"subject_sha256": None, "traceparent": "", "tenant_id": "", "document_version": 0}
    else:
        changes |= {"output_sha256": b"o" * 32, "reason_code": "ABSENT"}
    shown = ocsf_event(7, replace(event(1), **changes), ORIGIN)
    assert faults(shown) == []
    assert shown["status_id"] == (1 if outcome is Outcome.SUCCESS else 2)
    assert (shown["metadata"]["uid"], shown["metadata"]["sequence"]) == (event(1).event_id, 7)


def test_the_finding_about_a_fork_is_valid_ocsf(faults: Callable[[dict[str, Any]], list[str]]) -> None:
    event_id, shown = fork_finding(b"note", "LOG_FORKED", 1_790_000_000_000, ORIGIN)
    assert faults(shown) == []
    assert shown["metadata"]["uid"] == event_id == fork_finding(b"note", "LOG_FORKED", 2, ORIGIN)[0]


@pytest.mark.parametrize(
    "change",
    [{"class_uid": 6003}, {"type_uid": 1}, {"time": "yesterday"}, {"metadata": {}}, {"invented": 1}, {"actor": {}}],
)
def test_the_check_refuses_what_is_no_ocsf(
    change: dict[str, Any], event: Make, faults: Callable[[dict[str, Any]], list[str]]
) -> None:
    assert faults(ocsf_event(7, event(1), ORIGIN) | change) != []


@pytest.fixture
def reader(tmp_path: Path, signer: Signer, event: Make) -> LogReader:
    events = [event(number) for number in range(300)]
    events[5] = replace(events[5], subject_sha256=b"m" * 32, reason_code="HASH_MISMATCH", outcome=Outcome.FAILURE)
    events[299] = replace(events[299], subject_sha256=b"m" * 32, attributes={"chunks": DIGEST, "chunk_count": "1"})
    with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
        log.append([encode_entry(each) for each in events])
        return log.reader()


@pytest.mark.parametrize("form", list(Format))
def test_every_event_is_there_once_and_in_order(form: Format, reader: LogReader, event: Make) -> None:
    lines = list(exported(reader, form, Wanted()))
    body = lines[1:] if form is Format.CSV else lines
    assert len(body) == 300
    assert all(event(number).event_id in line for number, line in enumerate(body))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


def test_one_document_from_a_time_and_a_leaf_on(reader: LogReader, event: Make) -> None:
    def leaves(wanted: Wanted) -> list[int]:
        return [json.loads(line)["leaf_index"] for line in exported(reader, Format.JSONL, wanted)]

    assert leaves(Wanted(subject_sha256=b"m" * 32)) == [5, 299]
    assert leaves(Wanted(subject_sha256=b"m" * 32, since_ms=event(6).occurred_at)) == [299]
    assert leaves(Wanted(since_ms=event(298).occurred_at)) == [298, 299]
    assert leaves(Wanted(from_leaf=299)) == [299]
    assert leaves(Wanted(from_leaf=300)) == []
    assert leaves(Wanted(subject_sha256=b"x" * 32)) == []


def test_csv_is_read_back_by_columns(reader: LogReader) -> None:
    rows = list(csv.DictReader(io.StringIO("".join(exported(reader, Format.CSV, Wanted())))))
    assert (rows[5]["reason_code"], rows[5]["outcome"], rows[5]["leaf_index"]) == ("HASH_MISMATCH", "FAILURE", "5")
    assert json.loads(rows[0]["attributes"])["topic"] == "documents.ingested.v1"


def test_lists_of_digests_stay_in_the_log(reader: LogReader) -> None:
    [line] = exported(reader, Format.OCSF, Wanted(from_leaf=299))
    assert json.loads(line)["unmapped"]["attributes"] == {"chunk_count": "1"}
