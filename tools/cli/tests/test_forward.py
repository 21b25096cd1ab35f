"""`staithe audit forward` as it is called: exit codes, and one clear line for what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from staithe.audit.entry import encode_entry
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.cli.__main__ import app
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.events import AuditEvent, Outcome
from staithe.kernel.ids import derived_event_id

ORIGIN = "audit.example/test"
Forward = Callable[..., Result]


def entry(number: int, action: str) -> bytes:
    return encode_entry(
        AuditEvent(
            event_id=derived_event_id(number, action.encode()),
            occurred_at=number,
            service="query",
            action=action,
            outcome=Outcome.SUCCESS,
        )
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, int, str], None]:
    signer = Signer.generate()
    (tmp_path / "vkey").write_text(f"{VerifierKey(ORIGIN, signer.public_key)}\n")

    def append(name: str, count: int, action: str) -> None:
        with TransparencyLog(tmp_path / name, signer, ORIGIN) as log:
            log.append([entry(number, action) for number in range(log.size, log.size + count)])

    return append


@pytest.fixture
def forward(tmp_path: Path) -> Forward:
    def run(log: str = "log", sink: str = f"jsonl:{tmp_path}/out.jsonl", key: str = "vkey", *more: str) -> Result:
        arguments = ["--log", str(tmp_path / log), "--key", str(tmp_path / key), "--state", str(tmp_path / "state")]
        return CliRunner().invoke(app, ["audit", "forward", *arguments, "--sink", sink, "--once", *more])

    return run


def test_each_run_goes_on_where_the_last_one_ended(
    write: Callable[[str, int, str], None], forward: Forward, tmp_path: Path
) -> None:
    for _ in range(3):
        write("log", 4, "query.answered")
        assert forward().exit_code == 0
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["metadata"]["sequence"] for line in lines] == list(range(12))
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_fork_is_exit_1_and_is_reported(
    write: Callable[[str, int, str], None], forward: Forward, tmp_path: Path
) -> None:
    write("log", 4, "query.answered")
    write("fork", 5, "query.searched")
    forward()
    for _ in range(2):
        result = forward("fork")
        assert result.exit_code == 1
        assert "LOG_FORKED" in result.output
    events = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [each["message"] for each in events] == ["query.answered"] * 4 + ["log.changed_its_past"] * 2
    assert len({each["metadata"]["uid"] for each in events}) == 5


@pytest.mark.parametrize(
    ("sink", "reason_code"),
    [("ftp://siem.example", "SINK_ADDRESS"), ("https://siem.example", "USAGE"), ("jsonl:/nowhere/x", "SINK_FILE")],
)
def test_a_wrong_call_is_exit_2_and_leaves_no_state(
    sink: str, reason_code: str, write: Callable[[str, int, str], None], forward: Forward, tmp_path: Path
) -> None:
    write("log", 1, "query.answered")
    result = forward(sink=sink)
    assert result.exit_code == 2
    assert reason_code in result.output
    assert not (tmp_path / "state").exists()


def test_a_key_that_is_not_there_is_exit_2(write: Callable[[str, int, str], None], forward: Forward) -> None:
    write("log", 1, "query.answered")
    result = forward(key="nokey")
    assert (result.exit_code, "KEY_UNREADABLE" in result.output) == (2, True)
