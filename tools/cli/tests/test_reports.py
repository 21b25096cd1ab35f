"""`staithe audit timeline` and the dossiers of `audit export` as they are called."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from staithe.audit.entry import encode_entry
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.cli.__main__ import app
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.events import AuditEvent, Outcome, document_subject
from staithe.kernel.ids import derived_event_id
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.query.audit import KeyedDigest

ORIGIN = "audit.example/test"
KEY = b"k" * 32
Call = Callable[..., Result]


def read(number: int, document: str, who: str) -> bytes:
    return encode_entry(
        AuditEvent(
            event_id=derived_event_id(number, document.encode()), occurred_at=1_790_000_000_000 + number,
            service="query", action="document.read", outcome=Outcome.SUCCESS, tenant_id="harbour", document_version=1,
            subject_sha256=document_subject(TenantId("harbour"), DocumentId(document)),
            attributes={"caller_hmac": KeyedDigest(KEY).of_caller(TenantId("harbour"), who), "tier": "1"},
        )
    )  # fmt: skip


@pytest.fixture
def call(tmp_path: Path) -> Call:
    signer = Signer.generate()
    (tmp_path / "vkey").write_text(f"{VerifierKey(ORIGIN, signer.public_key)}\n")
    (tmp_path / "audit.key").touch(mode=0o600)
    (tmp_path / "audit.key").write_bytes(KEY)
    with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
        log.append([read(1, "plan", "anna"), read(2, "plan", "bert"), read(3, "note", "anna")])
    place = ["--log", str(tmp_path / "log"), "--key", str(tmp_path / "vkey")]

    def run(verb: str, *more: str) -> Result:
        return CliRunner().invoke(app, ["audit", verb, *(place if verb != "verify" else place[2:]), *more])

    return run


def test_timeline_of_a_person_by_name(call: Call, tmp_path: Path) -> None:
    result = call(
        "timeline", "--tenant", "harbour", "--principal", "anna", "--caller-key", str(tmp_path / "audit.key"),
        "--format", "csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(each["caller"], each["leaf_index"]) for each in rows] == [("anna", "0"), ("anna", "2")]


def test_page_is_written_for_its_owner_alone_and_never_over_a_file(call: Call, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = ("timeline", "--tenant", "harbour", "--subject", "plan", "--out", str(page))
    assert call(*asked).exit_code == 0
    assert page.stat().st_mode & 0o777 == 0o600
    assert page.read_text().startswith("<!doctype html>")
    again = call(*asked)
    assert (again.exit_code, "name a new file" in again.output.replace("\n", " ")) == (2, True)


def test_dossier_is_exported_and_verified_offline(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "dossier.json"
    about = ("--tenant", "harbour", "--subject", "plan")
    assert call("export", *about, "--format", "proofs", "--out", str(file)).exit_code == 0
    verified = call("verify", str(file))
    assert verified.exit_code == 0, verified.output
    assert "2 entries" in verified.output
    file.write_bytes(file.read_bytes().replace(b"document.read", b"document.reed"))
    assert call("verify", str(file)).exit_code == 1


@pytest.mark.parametrize(
    "more",
    [
        ("export", "--format", "html"),
        ("export", "--format", "proofs", "--tenant", "harbour"),
        ("export", "--format", "html", "--tenant", "harbour", "--subject", "plan", "--from-leaf", "1"),
        ("export", "--since", "yesterday"),
        ("timeline", "--tenant", "harbour", "--since", "2026-11-27", "--until", "2026-11-26"),
        ("timeline", "--tenant", "harbour", "--until", "soon"),
    ],
)
def test_call_that_makes_no_sense_is_refused(more: tuple[str, ...], call: Call) -> None:
    result = call(*more)
    assert result.exit_code == 2
    assert "USAGE" in result.output
