import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from staithe.audit.limits import BATCH_ENTRIES_MAX, ENTRY_BYTES_MAX
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import open_checkpoint
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError, Integrity, InvalidEvent, StaitheError

ORIGIN = "audit.example/test"
Open = Callable[[], TransparencyLog]
Build = Callable[[Sequence[int]], Path]
Entries = Callable[[int, int], list[bytes]]


def test_an_empty_folder_becomes_a_log_with_a_signed_empty_checkpoint(open_log: Open) -> None:
    with open_log() as log:
        assert (log.size, open_checkpoint(log.checkpoint, log.key).size) == (0, 0)


def test_a_batch_is_in_the_log_at_the_index_of_its_receipt(open_log: Open, entries: Entries) -> None:
    with open_log() as log:
        assert log.append(entries(0, 5)).leaf_index == 0
        receipt = log.append(entries(5, 7))
        assert (receipt.leaf_index, log.size) == (5, 7)
        assert open_checkpoint(receipt.checkpoint, log.key).size == 7
        assert [log.reader().entry(i) for i in range(7)] == entries(0, 7)


def test_a_reopened_log_goes_on_where_it_stopped(build_log: Build, open_log: Open, entries: Entries) -> None:
    build_log([3, 300, 700])
    with open_log() as log:
        log.append(entries(700, 701))
        assert list(log.reader().entries(250, 701)) == entries(250, 701)


def test_outgrown_partial_tiles_go_and_needed_ones_stay(build_log: Build) -> None:
    folder = build_log([10, 200, 300, 310])
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/0/001.p/54",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
        "tile/entries/001.p/54",
        "writer/lock",
        "writer/pending",
    ]
    assert {p.stat().st_mode & 0o777 for p in folder.rglob("*") if p.is_file()} == {0o600}


@pytest.mark.parametrize("entry", [b"", b"x" * (ENTRY_BYTES_MAX + 1)])
def test_an_entry_of_a_wrong_size_refuses_its_batch_and_changes_nothing(entry: bytes, open_log: Open) -> None:
    with open_log() as log:
        with pytest.raises(InvalidEvent):
            log.append([b"good", entry])
        assert log.size == 0
        log.append([b"x" * ENTRY_BYTES_MAX])


@pytest.mark.parametrize("count", [0, BATCH_ENTRIES_MAX + 1])
def test_a_batch_of_a_wrong_size_is_refused(count: int, open_log: Open) -> None:
    with open_log() as log, pytest.raises(ValueError, match="a batch has"):
        log.append([b"x"] * count)


def test_a_second_writer_in_the_same_process_is_refused(open_log: Open) -> None:
    with open_log() as log:
        with pytest.raises(ConfigurationError) as caught:
            open_log()
        assert caught.value.reason_code == "LOG_IN_USE"
        log.append([b"still ours"])
    open_log().close()


def test_a_second_writer_in_another_process_is_refused(open_log: Open, signer: Signer, tmp_path: Path) -> None:
    signer.save(tmp_path / "key")
    program = (
        "import pathlib, sys; from staithe.audit.log import TransparencyLog; "
        "from staithe.kernel.crypto.signing import Signer; p = pathlib.Path(sys.argv[1]); "
        "TransparencyLog(p / 'log', Signer.from_file(p / 'key'), 'audit.example/test')"
    )
    with open_log():
        command = [sys.executable, "-c", program, str(tmp_path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "LOG_IN_USE: another audit service writes" in result.stderr


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb"])
def test_an_origin_that_is_no_key_name_is_refused(origin: str, signer: Signer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        TransparencyLog(tmp_path / "log", signer, origin)
    assert not (tmp_path / "log").exists()


def test_a_folder_that_cannot_be_made_is_refused(signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError) as caught:
        TransparencyLog(tmp_path / "file" / "log", signer, ORIGIN)
    assert caught.value.reason_code == "LOG_FOLDER_UNUSABLE"


def test_another_key_or_origin_cannot_continue_a_log(build_log: Build, signer: Signer) -> None:
    folder = build_log([3])
    for other, origin in ((Signer.generate(), ORIGIN), (signer, "audit.example/other")):
        with pytest.raises(Integrity):
            TransparencyLog(folder, other, origin)


def remove_checkpoint(folder: Path) -> None:
    (folder / "checkpoint").unlink()
    (folder / "writer/pending").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        remove_checkpoint,
        lambda f: (f / "tile/0/001.p/44").unlink(),
        lambda f: (f / "tile/entries/001.p/44").unlink(),
        lambda f: shutil.rmtree(f / "tile"),
        lambda f: os.truncate(f / "tile/0/001.p/44", 32),
        lambda f: os.truncate(f / "tile/entries/001.p/44", 100),
        lambda f: (f / "tile/1/000.p/1").write_bytes(b"\0" * 32),
        lambda f: (f / "tile/0/001.p/44").write_bytes(b"\0" * 32 * 44),
        lambda f: (f / "writer/pending").write_bytes(b"torn"),
        lambda f: (f / "checkpoint").write_bytes(b""),
    ],
)
def test_a_log_that_is_not_what_was_signed_is_not_continued(
    damage: Callable[[Path], object], build_log: Build, open_log: Open
) -> None:
    folder = build_log([300])
    damage(folder)
    for _ in range(2):  # and refusing leaves neither a lock nor a repair behind
        with pytest.raises(Integrity):
            open_log()


def test_a_missing_checkpoint_is_restored_from_the_pending_one(
    build_log: Build, open_log: Open, entries: Entries
) -> None:
    (build_log([300]) / "checkpoint").unlink()
    with open_log() as log:
        assert list(log.reader().entries()) == entries(0, 300)


def test_a_forked_pending_checkpoint_is_refused(build_log: Build, signer: Signer, tmp_path: Path) -> None:
    folder = build_log([300])
    with TransparencyLog(tmp_path / "fork", signer, ORIGIN) as fork:
        fork.append([b"another history"] * 200)
    shutil.copy(tmp_path / "fork/checkpoint", folder / "checkpoint")
    with pytest.raises(Integrity) as caught:
        TransparencyLog(folder, signer, ORIGIN)
    assert caught.value.reason_code == "LOG_FORKED"


def test_leftovers_of_an_unpublished_batch_go_when_the_log_is_opened(build_log: Build, open_log: Open) -> None:
    folder = build_log([300])
    leftovers = ["tile/entries/001", "tile/0/001", "tile/0/001.p/200", "tile/entries/004", "tile/1/000.p/5"]
    for path in [*leftovers, "writer/temporary"]:
        (folder / path).write_bytes(b"half")
    open_log().close()
    assert not [path for path in leftovers if (folder / path).exists()]
    assert (folder / "tile/0/001.p/44").exists()


def test_opening_reads_the_edge_and_not_the_whole_log(build_log: Build, open_log: Open) -> None:
    folder = build_log([2600])
    for index in range(9):
        (folder / f"tile/entries/00{index}").unlink()
    with open_log() as log:
        assert log.size == 2600


def test_reading_past_the_end_is_a_mistake_of_the_caller(build_log: Build, open_log: Open) -> None:
    build_log([3])
    with open_log() as log:
        assert list(log.reader().entries(1, 99)) == list(log.reader().entries())[1:]
        with pytest.raises((ValueError, IndexError, StaitheError)):
            log.reader().entry(256)
