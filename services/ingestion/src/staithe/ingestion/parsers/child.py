"""The parser child: loads the parsers, gives up its rights, then forks one short-lived process for each document.

Started by `sandbox.ParserProcess` as `python -I -m staithe.ingestion.parsers.child STATUS_FD`. The server process never
looks at a document. The process of a document has that document, a pipe for its answer, and nothing else; it ends with
the document, so no document can see or disturb another, and a crash costs one fork instead of one start.
"""

import codecs
import gc
import json
import mmap
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from staithe.ingestion.parsers import framing
from staithe.ingestion.parsers.confine import Confinement
from staithe.ingestion.parsers.document import ParsedDocument
from staithe.ingestion.parsers.encoding import CODECS
from staithe.ingestion.parsers.parse import parse_document
from staithe.kernel.errors import InvalidEvent

# Codecs that the standard library looks up by name while it reads mail and archives.
_CODECS_OF_LIBRARIES: Final = ("latin-1", "ascii", "cp437", "utf-16", "raw-unicode-escape", "unicode-escape")
_STDIN, _STDOUT = 0, 1

Parse = Callable[[bytes, str], ParsedDocument]


def main(parse: Parse = parse_document) -> int:
    """Serve documents until stdin closes. Only tests pass another `parse`."""
    status = int(sys.argv[1])
    _load_codecs()
    confinement = Confinement()
    at_start = confinement.enter()
    per_document = _second_step(confinement)
    ready = json.dumps(at_start + per_document).encode()
    _write(status, framing.READY.pack(len(ready)) + ready)
    # Objects of the start are shared by all forks; without this each collection would copy their pages.
    gc.freeze()
    server = os.getpid()
    while True:
        request = _read_request()
        if request is None:
            return 0
        declared, document = request
        with document:
            child = os.fork()
            if child == 0:
                os.close(_STDIN)
                os.close(status)
                # What was in force at the start must be in force now, or the document is not read.
                if confinement.close_in(server) != per_document:
                    os._exit(1)
                _serve_one(parse, document, declared)
        _write(status, framing.STATUS.pack(*_wait(child)))


def _load_codecs() -> None:
    """The filter forbids opening files, so whatever is imported on demand is imported now."""
    for name in (*CODECS, *_CODECS_OF_LIBRARIES):
        codecs.lookup(name)


def _second_step(confinement: Confinement) -> list[str]:
    """What the second step achieves here, seen in a process that is thrown away."""
    reader, writer = os.pipe()
    server = os.getpid()
    child = os.fork()
    if child == 0:
        _write(writer, json.dumps(confinement.close_in(server)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        reported = answer.read()
    os.waitpid(child, 0)
    return [str(name) for name in json.loads(reported)] if reported else []


def _read_request() -> tuple[str, mmap.mmap] | None:
    """The next request; None when the parent has gone.

    The document lies in memory of its own, returned to the kernel before the next fork: freed heap would still hold it.
    """
    head = bytearray(framing.REQUEST.size)
    if not _fill(memoryview(head)):
        return None
    declared_bytes, document_bytes = framing.REQUEST.unpack(head)
    declared = bytearray(declared_bytes)
    document = mmap.mmap(-1, document_bytes)
    with memoryview(document) as target:
        complete = _fill(memoryview(declared)) and _fill(target)
    return (declared.decode("utf-8", "replace"), document) if complete else None


def _fill(target: memoryview) -> bool:
    done = 0
    while done < len(target):
        count = os.readv(_STDIN, [target[done:]])
        if count == 0:
            return False
        done += count
    return True


def _serve_one(parse: Parse, document: mmap.mmap, declared: str) -> NoReturn:
    try:
        _write(_STDOUT, _answer(parse, document, declared))
    finally:
        # No handler of the interpreter runs: the verdict is what was written, or how this process ended.
        os._exit(0)


def _answer(parse: Parse, document: mmap.mmap, declared: str) -> bytes:
    try:
        return framing.encode_parsed(parse(document[:], declared))
    except InvalidEvent as error:
        return framing.encode_refused(error.reason_code)
    except MemoryError:
        return framing.encode_refused("PARSER_MEMORY")
    except Exception:  # noqa: BLE001 (whatever a parser raises ends this document, and must not tell its content)
        return framing.encode_refused("PARSER_CRASHED")


def _wait(child: int) -> tuple[int, int]:
    """Wait status and peak memory in bytes; ends the child at once if the parent goes meanwhile."""
    _end_if_parent_goes(child)
    _, wait_status, usage = os.wait4(child, 0)
    unit = 1 if sys.platform == "darwin" else 1024
    return wait_status, usage.ru_maxrss * unit


def _end_if_parent_goes(child: int) -> None:
    if not hasattr(os, "pidfd_open"):
        return
    try:
        ended = os.pidfd_open(child)
    except OSError:
        return
    try:
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(_STDIN, 0)  # reports only that the other end has closed
        if all(descriptor != ended for descriptor, _ in poll.poll()):
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(ended)


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


if __name__ == "__main__":
    sys.exit(main())
