"""A parser that has turned hostile reaches nothing, and the next document is served all the same."""

import json
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from staithe.ingestion.parsers import confine, framing, limits, seccomp
from staithe.ingestion.parsers.document import ParsedDocument
from staithe.ingestion.parsers.sandbox import ISOLATION_REQUIRED, ParserPool, ParserProcess
from staithe.kernel.errors import ConfigurationError, InvalidEvent, Unavailable

HOSTILE = (sys.executable, "-I", str(Path(__file__).with_name("hostile_child.py")))
needs_seccomp = pytest.mark.skipif(not seccomp.supported(), reason="the filter exists on Linux x86-64 and aarch64")


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(1) as started:
        yield started


@pytest.fixture(scope="module")
def hostile() -> Iterator[ParserProcess]:
    process = ParserProcess(command=HOSTILE)
    yield process
    process.close()


def act(process: ParserProcess, name: str) -> str:
    return process.parse(name.encode(), "text/plain").text


def reason(process: ParserProcess, name: str) -> str:
    with pytest.raises(InvalidEvent) as caught:
        process.parse(name.encode(), "text/plain")
    assert "SECRET" not in str(caught.value)
    assert act(process, "echo") == "served"
    return caught.value.reason_code


@needs_seccomp
@pytest.mark.parametrize(
    "name",
    ["socket", "unix socket", "connect", "datagram", "read file", "read environment", "list folder", "stat",
     "write file", "unlink", "exec", "fork", "kill server", "ptrace", "server memory", "memory file",
     "executable memory", "duplicate", "stop alarm", "catch alarm"],
)  # fmt: skip
def test_a_hostile_parser_is_refused(hostile: ParserProcess, name: str) -> None:
    assert act(hostile, name) in {"refused", "refused 1"}


def test_a_hostile_parser_cannot_read_the_next_request(hostile: ParserProcess) -> None:
    assert act(hostile, "read request pipe") == "refused 9"


@needs_seccomp
def test_a_document_has_two_descriptors_and_no_environment(hostile: ParserProcess) -> None:
    assert json.loads(act(hostile, "descriptors")) == [1, 2]
    assert act(hostile, "environment") in {"{}", "{'LC_CTYPE': 'C.UTF-8'}"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("abort", "PARSER_CRASHED"),
        ("null pointer", "PARSER_CRASHED"),
        ("memory", "PARSER_MEMORY"),
        ("exception with content", "PARSER_CRASHED"),
        ("flood", "TEXT_TOO_LARGE"),
        ("forged then next", "PARSER_CRASHED"),
        ("bad frame", "PARSER_CRASHED"),
        ("control characters", "PARSER_CRASHED"),
        ("unknown signal", "PARSER_CRASHED"),
    ],
)
def test_a_fault_is_a_verdict_and_the_next_document_is_served(hostile: ParserProcess, name: str, code: str) -> None:
    assert reason(hostile, name) == code


@pytest.mark.parametrize("name", ["loop", "sleep"])
def test_a_parser_without_end_is_stopped_by_the_kernel(hostile: ParserProcess, name: str) -> None:
    pid, begun = hostile.pid, time.monotonic()
    assert reason(hostile, name) == "PARSER_TIMEOUT"
    assert time.monotonic() - begun < limits.WALL_SECONDS_MAX + 1
    assert hostile.pid == pid or not seccomp.supported()


def test_the_parent_stops_a_child_past_its_deadline() -> None:
    process = ParserProcess(command=HOSTILE, wall_seconds_max=0.3)
    try:
        pid = process.pid
        with pytest.raises(InvalidEvent, match="PARSER_TIMEOUT"):
            process.parse(b"loop", "text/plain")
        assert not Path(f"/proc/{pid}").exists()
        assert process.pid != pid
    finally:
        process.close()


def test_a_killed_child_is_replaced() -> None:
    with ParserPool(1) as pool:
        process = pool._processes[0]
        os.kill(process.pid, 9)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert pool.parse(b"words", "text/plain").text == "words"


def test_threads_share_a_pool(pool: ParserPool) -> None:
    texts: list[str] = []

    def work(number: int) -> None:
        texts.extend(pool.parse(f"words {number}-{i}".encode(), "text/plain").text for i in range(5))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == sorted(f"words {number}-{i}" for number in range(4) for i in range(5))


@pytest.mark.parametrize(
    ("content", "declared", "code"),
    [(b"", "text/plain", "DOCUMENT_EMPTY"), (b"x", "image/png", "CONTENT_TYPE_UNSUPPORTED"),
     (bytes(limits.DOCUMENT_BYTES_MAX + 1), "text/plain", "DOCUMENT_TOO_LARGE")],
)  # fmt: skip
def test_plain_refusals_need_no_child(content: bytes, declared: str, code: str) -> None:
    with pytest.raises(InvalidEvent, match=code):
        ParserProcess(command=("/nonexistent",)).parse(content, declared)


def test_a_large_document_passes_the_pipe(pool: ParserPool) -> None:
    assert len(pool.parse(b"word " * 1_600_000, "text/plain").text) == 7_999_999


def test_isolation_is_reported_and_its_lack_refused(pool: ParserPool) -> None:
    assert set(pool.isolation) >= ISOLATION_REQUIRED | {confine.PROCESS_PER_DOCUMENT}
    with pytest.raises(ConfigurationError, match=r"PARSER_ISOLATION_MISSING.*quantum"):
        ParserProcess(isolation_required=frozenset({"quantum"})).start()


@pytest.mark.parametrize("command", [("/nonexistent",), (sys.executable, "-c", "pass")])
def test_a_child_that_does_not_start_is_unavailable(command: tuple[str, ...]) -> None:
    with pytest.raises(Unavailable, match="PARSER_UNAVAILABLE"):
        ParserProcess(command=command).start()


@pytest.mark.parametrize("size", [0, 65])
def test_a_pool_of_no_sense_is_refused(size: int) -> None:
    with pytest.raises(ConfigurationError):
        ParserPool(size)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00" * 9,
        framing.encode_parsed(ParsedDocument("a", None, "text/plain", {}))[:-1],
        framing.encode_parsed(ParsedDocument("a", None, "text/plain", {})) + b"x",
        framing.encode_parsed(ParsedDocument("a", None, "image/png", {})),
        framing.encode_parsed(ParsedDocument("a", "two\nlines", "text/plain", {})),
        framing.encode_parsed(ParsedDocument("a", "", "text/plain", {})),
        framing.encode_parsed(ParsedDocument(" ", None, "text/plain", {})),
        framing.encode_parsed(ParsedDocument("a", None, "text/plain", {"pages": -1})),
        framing.encode_parsed(ParsedDocument("a", None, "text/plain", {"pages": True})),
        framing.encode_refused("MADE_UP"),
        framing.RESPONSE.pack(2, 4, 0) + b"null",
        framing.RESPONSE.pack(0, 60_000, 0) + b"[" * 60_000,
        framing.RESPONSE.pack(0, 4, 1) + b"null\xff",
        struct.pack("!BII", 0, 2**32 - 1, 0),
    ],
)
def test_a_frame_that_our_child_does_not_write_is_refused(frame: bytes) -> None:
    with pytest.raises(framing.FrameError):
        framing.decode_response(frame)
