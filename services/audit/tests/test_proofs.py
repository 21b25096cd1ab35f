from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.audit.proofs import check_extension, prove_inclusion, verify_receipt
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import Integrity

ORIGIN = "audit.example/test"
Build = Callable[[Sequence[int]], Path]
Entries = Callable[[int, int], list[bytes]]


@pytest.fixture
def vkey(signer: Signer) -> str:
    return str(VerifierKey(ORIGIN, signer.public_key))


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 600])
def test_a_receipt_proves_its_entry_and_its_index(size: int, build_log: Build, entries: Entries, vkey: str) -> None:
    folder = build_log([size])
    for leaf_index in {0, 1, 254, 255, 256, size // 2, size - 1} & set(range(size)):
        entry, receipt = prove_inclusion(folder, vkey, leaf_index)
        assert entry == entries(leaf_index, leaf_index + 1)[0]
        assert verify_receipt(receipt, vkey, entry) == leaf_index


def test_a_receipt_stays_valid_when_the_log_grows(
    build_log: Build, entries: Entries, signer: Signer, vkey: str
) -> None:
    folder = build_log([300])
    entry, receipt = prove_inclusion(folder, vkey, 7)
    with TransparencyLog(folder, signer, ORIGIN) as log:
        log.append(entries(300, 400))
    assert verify_receipt(receipt, vkey, entry) == 7


def test_no_line_of_a_receipt_can_be_changed_or_removed(build_log: Build, vkey: str) -> None:
    entry, receipt = prove_inclusion(build_log([300]), vkey, 7)
    lines = receipt.split("\n")
    for i, line in enumerate(lines[:-1]):
        changed = line[:-2] + ("B" if line[-2:-1] == "A" else "A") + line[-1:]
        doubled = [] if line.startswith("\N{EM DASH}") else [line, line]  # a signature may stand there twice
        for instead in ([], [changed], doubled):
            with pytest.raises(Integrity):
                verify_receipt("\n".join([*lines[:i], *instead, *lines[i + 1 :]]), vkey, entry)


@pytest.mark.parametrize("index", ["8", "07", "-1", "\u0667", "", "7 ", "9" * 400])
def test_a_receipt_for_another_index_is_refused(index: str, build_log: Build, vkey: str) -> None:
    entry, receipt = prove_inclusion(build_log([300]), vkey, 7)
    with pytest.raises(Integrity):
        verify_receipt(receipt.replace("index 7\n", f"index {index}\n"), vkey, entry)


def test_a_receipt_for_another_entry_or_key_is_refused(build_log: Build, vkey: str) -> None:
    entry, receipt = prove_inclusion(build_log([300]), vkey, 7)
    other = str(VerifierKey(ORIGIN, Signer.generate().public_key))
    for key, claimed in ((vkey, entry + b" "), (other, entry)):
        with pytest.raises(Integrity):
            verify_receipt(receipt, key, claimed)


def test_a_log_with_a_changed_tile_gives_no_receipt(build_log: Build, vkey: str) -> None:
    folder = build_log([300])
    tile = folder / "tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    with pytest.raises(Integrity):
        prove_inclusion(folder, vkey, 7)


def test_no_receipt_for_a_leaf_that_is_not_there(build_log: Build, vkey: str) -> None:
    with pytest.raises(ValueError, match="not in the tree"):
        prove_inclusion(build_log([3]), vkey, 3)


def test_a_grown_log_extends_its_old_checkpoints_and_no_others(
    entries: Entries, signer: Signer, vkey: str, tmp_path: Path
) -> None:
    notes = []
    with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
        for first in range(0, 600, 60):
            notes.append(log.checkpoint)
            log.append(entries(first, first + 60))
    for note in notes:
        check_extension(tmp_path / "log", vkey, note)
    with TransparencyLog(tmp_path / "fork", signer, ORIGIN) as fork:
        shorter = fork.append([b"another history"]).checkpoint
        longer = fork.append([b"another history"] * 700).checkpoint
    for note in (shorter, longer):
        with pytest.raises(Integrity):
            check_extension(tmp_path / "log", vkey, note)
