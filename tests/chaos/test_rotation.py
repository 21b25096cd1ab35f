"""New certificates and passwords while documents flow: nothing lost, nothing twice, and the old ones worth nothing."""

import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # with import-mode=importlib nothing else makes them importable

from check import verdict_on
from journal import Acknowledged, read
from source import LAST_SECONDS_MAX, publish, wait_for
from support.live import SERVICES, LiveStack

from staithe.kernel.errors import AccessDenied, StaitheError
from staithe.kernel.files import write_secret
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.tail import Tail
from staithe.stack.certificates import listeners
from staithe.stack.ports import HOST

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

SEED, RATE = "20271", "4"
SETTLE_SECONDS_MAX = 240.0


@dataclass(frozen=True)
class Rotated:
    """A stack after both rotations, what was in use before, and what a source had acknowledged throughout."""

    stack: LiveStack
    certificates: dict[str, str]
    passwords: dict[str, str]
    lines: list[Acknowledged]


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotated]:
    """On a stack of its own, where nobody else holds connections open."""
    folder = tmp_path_factory.mktemp("rotation")
    stack, journal = LiveStack("lite", folder / "stack"), folder / "journal.jsonl"
    try:
        stack.start()
        certificates, passwords = shown(stack), passwords_of(stack)
        load = publish(stack, journal, "--seed", SEED, "--rate", RATE)
        try:
            wait_for(journal)
            assert set(stack.cli_json("rotate", "certificates")["listeners"]) == set(certificates)
            assert stack.cli_json("rotate", "passwords")["principals"] == list(SERVICES)
        finally:
            load.terminate()
            assert load.wait(LAST_SECONDS_MAX) == 0
        yield Rotated(stack, certificates, passwords, read([journal]))
        assert stack.stop() == 0, stack.log_tails()
    finally:
        stack.kill()


def shown(stack: LiveStack) -> dict[str, str]:
    """The certificate of each TLS port."""
    return {
        name: ssl.get_server_certificate((HOST, stack.ports.of(name)), timeout=10) for name in listeners(stack.paths)
    }


def passwords_of(stack: LiveStack) -> dict[str, str]:
    return {name: stack.local().access(name).password_file.read_text() for name in SERVICES}


def may_connect(access: KafkaAccess) -> bool:
    try:
        Tail(access, ["audit.events.v1"], from_beginning=False).close()
    except StaitheError as error:
        return not isinstance(error, AccessDenied) and error.reason_code != "KAFKA_UNAVAILABLE"
    return True


def test_nothing_is_lost_or_doubled_meanwhile(rotated: Rotated) -> None:
    assert len(rotated.lines) > 100
    verdict = verdict_on(rotated.stack, rotated.lines, SETTLE_SECONDS_MAX)
    assert verdict.holds, verdict


def test_every_port_shows_another_certificate_than_before(rotated: Rotated) -> None:
    now = shown(rotated.stack)
    assert set(now) == set(rotated.certificates)
    assert [name for name in now if now[name] == rotated.certificates[name]] == []


def test_every_password_is_another_and_the_old_ones_open_nothing(rotated: Rotated, tmp_path: Path) -> None:
    now = passwords_of(rotated.stack)
    assert [name for name in now if now[name] == rotated.passwords[name]] == []
    for name in ("audit", "query"):
        valid = rotated.stack.local().access(name)
        write_secret(tmp_path / name, rotated.passwords[name].encode())
        old = KafkaAccess(valid.bootstrap, name, tmp_path / name, valid.ca_file)
        assert (may_connect(valid), may_connect(old)) == (True, False), name


def test_only_the_broker_and_the_services_were_started_again(rotated: Rotated) -> None:
    """A stream may end by itself when the broker goes (its watchdog), so one may have been started twice."""
    processes = rotated.stack.state()["processes"]
    assert {name for name, each in processes.items() if each["restarts"]} == {"broker", *SERVICES}


@pytest.mark.parametrize("principal", ["nobody", "operator", "../query"])
def test_principal_without_a_password_to_renew_is_refused(rotated: Rotated, principal: str) -> None:
    answer = rotated.stack.cli("rotate", "passwords", principal)
    assert answer.returncode == 2
    assert "UNKNOWN_PRINCIPAL" in answer.stderr


def test_without_a_running_stack_nothing_is_renewed(rotated: Rotated, tmp_path: Path) -> None:
    answer = rotated.stack.cli("rotate", "certificates", more={"STAITHE_STACK_FOLDER": str(tmp_path / "none")})
    assert answer.returncode == 1
    assert "STACK_DOWN" in answer.stderr
