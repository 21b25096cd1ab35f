"""Every way to tamper with a log folder that we could think of, each found by the verifier."""

import base64
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from staithe.audit.edge import Edge
from staithe.audit.files import LogFiles
from staithe.audit.log import TransparencyLog
from staithe.audit.merkle import leaf_hash
from staithe.audit.notes import Checkpoint, VerifierKey, sign_checkpoint
from staithe.audit.tiles import pack_entries, unpack_entries
from staithe.audit.verify import VerificationReport, verify_log
from staithe.audit.verify_parallel import check_bundles
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError

ORIGIN = "audit.example/test"
Entries = Callable[[int, int], list[bytes]]
SIZE = 600
"""Two full bundles and a partial one, so that every kind of file is there."""


@pytest.fixture(scope="module")
def vkey(signer: Signer) -> str:
    return str(VerifierKey(ORIGIN, signer.public_key))


@pytest.fixture
def folder(build_log: Callable[[Sequence[int]], Path]) -> Path:
    return build_log([100, 300, 520, SIZE])


def flip(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def rebundle(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(pack_entries(change(unpack_entries(path.read_bytes()))))


def sign_without_tiles(folder: Path, size: int) -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, size, b"\0" * 32), Signer.generate())
    (folder / "checkpoint").write_bytes(note)


def rewrite_with_tiles(folder: Path) -> None:
    """Change an entry and every hash above it, all but the signature."""
    entries = [e for i in (0, 1) for e in unpack_entries((folder / f"tile/entries/00{i}").read_bytes())]
    entries += unpack_entries((folder / "tile/entries/002.p/88").read_bytes())
    entries[5] = entries[5].replace(b"SUCCESS", b"REFUSED")
    edge, files = Edge().extended(entries)
    for tile, content in files:
        (folder / tile.path).write_bytes(content)
    root = base64.b64encode(edge.root())
    lines = (folder / "checkpoint").read_bytes().split(b"\n")
    lines[2] = root
    (folder / "checkpoint").write_bytes(b"\n".join(lines))


def link(path: Path, target: Path) -> None:
    path.rename(target)
    path.symlink_to(target)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def with_text(folder: Path, change: Callable[[bytes], bytes]) -> None:
    path = folder / "checkpoint"
    path.write_bytes(change(path.read_bytes()))


TAMPERINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "byte in a full bundle": (lambda f: flip(f / "tile/entries/000"), "tile/0/000: 1 of 256 hashes are wrong"),
    "byte in the partial bundle": (lambda f: flip(f / "tile/entries/002.p/88"), "tile/0/002.p/88: 1 of 88 hashes"),
    "byte in an older partial bundle": (lambda f: flip(f / "tile/entries/002.p/8"), "tile/entries/002.p/8: is not"),
    "length in a bundle": (lambda f: flip(f / "tile/entries/001", 0), "tile/entries/001: "),
    "byte in a full hash tile": (lambda f: flip(f / "tile/0/001"), "tile/0/001: 1 of 256 hashes are wrong"),
    "byte in the partial hash tile": (lambda f: flip(f / "tile/0/002.p/88"), "tile/0/002.p/88: 1 of 88"),
    "byte in an older partial tile": (lambda f: flip(f / "tile/1/000.p/1"), "tile/1/000.p/1: is not the beginning"),
    "byte in an upper tile": (lambda f: flip(f / "tile/1/000.p/2"), "tile/1/000.p/2: 1 of 2 hashes are wrong"),
    "byte in the origin": (lambda f: flip(f / "checkpoint", 0), "checkpoint: "),
    "byte in the signature": (lambda f: flip(f / "checkpoint", -5), "checkpoint: the signature is wrong"),
    "size in the checkpoint": (lambda f: with_text(f, lambda n: n.replace(b"\n600\n", b"\n599\n")), "signature is"),
    "bundle cut short": (lambda f: os.truncate(f / "tile/entries/001", 900), "tile/entries/001: the entry bundle ends"),
    "hash tile cut short": (lambda f: os.truncate(f / "tile/0/000", 8160), "tile/0/000: holds 8160 bytes, not 8192"),
    "checkpoint cut short": (lambda f: os.truncate(f / "checkpoint", 60), "checkpoint: "),
    "checkpoint emptied": (lambda f: os.truncate(f / "checkpoint", 0), "checkpoint: "),
    "bundles swapped": (lambda f: swap(f / "tile/entries/000", f / "tile/entries/001"), "tile/0/000: 256 of 256"),
    "hash tiles swapped": (lambda f: swap(f / "tile/0/000", f / "tile/0/001"), "tile/0/001: 256 of 256"),
    "levels swapped": (
        lambda f: swap(f / "tile/0/002.p/88", f / "tile/1/000.p/2"),
        "tile/1/000.p/2: is larger",
    ),
    "bundle missing": (lambda f: (f / "tile/entries/001").unlink(), "tile/entries/001: is missing"),
    "partial bundle missing": (lambda f: (f / "tile/entries/002.p/88").unlink(), "tile/entries/002.p/88: is missing"),
    "hash tile missing": (lambda f: (f / "tile/0/000").unlink(), "tile/0/000: is missing"),
    "upper tile missing": (lambda f: (f / "tile/1/000.p/2").unlink(), "tile/1/000.p/2: is missing"),
    "checkpoint missing": (lambda f: (f / "checkpoint").unlink(), "checkpoint: the log has no checkpoint"),
    "all tiles missing": (lambda f: shutil.rmtree(f / "tile"), "cannot be recomputed past entry 0"),
    "entry added": (lambda f: rebundle(f / "tile/entries/001", lambda e: [*e, b"{}"]), "holds 257 entries, not 256"),
    "entry removed": (lambda f: rebundle(f / "tile/entries/000", lambda e: e[1:]), "holds 255 entries, not 256"),
    "entry doubled in place of its neighbour": (
        lambda f: rebundle(f / "tile/entries/000", lambda e: [e[0], e[0], *e[2:]]),
        "tile/entries/000: entry 1 repeats an event",
    ),
    "entries reordered": (
        lambda f: rebundle(f / "tile/entries/000", lambda e: [e[1], e[0], *e[2:]]),
        "tile/0/000: 2 of 256 hashes are wrong, the first at position 0",
    ),
    "entry respelled": (
        lambda f: rebundle(f / "tile/entries/000", lambda e: [e[0].replace(b":", b": ", 1), *e[1:]]),
        "tile/entries/000: entry 0 is malformed",
    ),
    "checkpoint of another key": (lambda f: sign_without_tiles(f, SIZE), "not signed by the given key"),
    "history rewritten with all its hashes": (rewrite_with_tiles, "checkpoint: the signature is wrong"),
    "bundle replaced by a link": (
        lambda f: link(f / "tile/entries/000", f / "elsewhere"),
        "tile/entries/000: is not a regular file",
    ),
    "bundle replaced by a folder": (
        lambda f: make_folder(f / "tile/entries/000"),
        "tile/entries/000: is not a regular file",
    ),
    "bundle grown beyond measure": (
        lambda f: os.truncate(f / "tile/entries/000", 1 << 33),
        "tile/entries/000: is larger than it can be",
    ),
    "stranger among the tiles": (lambda f: (f / "tile/0/note.txt").touch(), "tile/0/note.txt: is not a file of a log"),
}


def test_an_untouched_log_verifies(folder: Path, vkey: str) -> None:
    steps: list[tuple[int, int]] = []
    report = verify_log(folder, vkey, lambda done, total: steps.append((done, total)))
    assert report.ok
    assert (report.origin, report.size, report.problems, report.unpublished_files) == (ORIGIN, SIZE, [], 0)
    assert steps == [(256, SIZE), (512, SIZE), (SIZE, SIZE)]


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_and_named(name: str, folder: Path, vkey: str) -> None:
    tamper, expected = TAMPERINGS[name]
    tamper(folder)
    report = verify_log(folder, vkey)
    assert not report.ok
    assert any(expected in problem for problem in report.problems), report.problems


def test_any_flipped_byte_of_any_file_is_found(build_log: Callable[[Sequence[int]], Path], vkey: str) -> None:
    folder = build_log([1])
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.parent.name != "writer"):
        original = path.read_bytes()
        for position in range(len(original)):
            flip(path, position)
            assert not verify_log(folder, vkey).ok, (path, position)
            path.write_bytes(original)
    assert verify_log(folder, vkey).ok


def cut_back(folder: Path, older: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(older, folder)


def test_a_whole_rollback_is_found_only_with_a_kept_checkpoint(
    build_log: Callable[[Sequence[int]], Path], entries: Entries, signer: Signer, vkey: str, tmp_path: Path
) -> None:
    folder = build_log([300])
    shutil.copytree(folder, tmp_path / "older")
    with TransparencyLog(folder, signer, ORIGIN) as log:
        kept = log.append(entries(300, 400)).checkpoint
    assert verify_log(folder, vkey, kept_checkpoint=kept).ok
    cut_back(folder, tmp_path / "older")
    assert verify_log(folder, vkey).ok  # nothing in the folder can tell
    report = verify_log(folder, vkey, kept_checkpoint=kept)
    assert report.problems == ["checkpoint: rolled back: it covers 300 entries, the kept one 400"]


def test_an_old_checkpoint_put_back_alone_leaves_files_past_it(
    folder: Path, entries: Entries, signer: Signer, vkey: str
) -> None:
    older = (folder / "checkpoint").read_bytes()
    with TransparencyLog(folder, signer, ORIGIN) as log:
        kept = log.append(entries(SIZE, SIZE + 10)).checkpoint
    (folder / "checkpoint").write_bytes(older)
    assert verify_log(folder, vkey).unpublished_files == 2
    assert not verify_log(folder, vkey, kept_checkpoint=kept).ok


def test_a_fork_is_found_with_a_kept_checkpoint(
    build_log: Callable[[Sequence[int]], Path], entries: Entries, signer: Signer, vkey: str, tmp_path: Path
) -> None:
    folder = build_log([300])
    shutil.copytree(folder, tmp_path / "older")
    with TransparencyLog(folder, signer, ORIGIN) as log:
        kept = log.append(entries(300, 310)).checkpoint
    cut_back(folder, tmp_path / "older")
    with TransparencyLog(folder, signer, ORIGIN) as log:
        log.append(entries(311, 400))
    assert verify_log(folder, vkey).ok
    problems = verify_log(folder, vkey, kept_checkpoint=kept).problems
    assert problems == ["checkpoint: forked: the first 310 entries are not those of the kept checkpoint"]


def test_a_kept_checkpoint_of_another_log_is_refused(folder: Path, vkey: str) -> None:
    foreign = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_hash(b"x")), Signer.generate())
    assert verify_log(folder, vkey, kept_checkpoint=foreign).problems[0].startswith("kept checkpoint: ")


def test_the_key_of_another_log_verifies_nothing(folder: Path) -> None:
    other = str(VerifierKey(ORIGIN, Signer.generate().public_key))
    assert not verify_log(folder, other).ok


def test_a_partial_tile_may_be_gone_when_the_full_one_is_there(
    folder: Path, entries: Entries, signer: Signer, vkey: str
) -> None:
    older = (folder / "checkpoint").read_bytes()
    with TransparencyLog(folder, signer, ORIGIN) as log:
        log.append(entries(SIZE, SIZE + 200))
    (folder / "checkpoint").write_bytes(older)
    assert not (folder / "tile/entries/002.p").exists()
    assert verify_log(folder, vkey).ok


def test_no_folder_and_no_key_are_mistakes_of_the_caller(tmp_path: Path, vkey: str) -> None:
    with pytest.raises(ConfigurationError):
        verify_log(tmp_path / "absent", vkey)
    with pytest.raises(ConfigurationError):
        verify_log(tmp_path, "no key")


def test_a_flood_of_problems_is_counted_and_not_kept() -> None:
    report = VerificationReport()
    for i in range(5000):
        report.add("file", str(i))
    assert (len(report.problems), report.problem_count) == (1000, 5000)


def test_several_processes_find_what_one_finds(build_log: Callable[[Sequence[int]], Path]) -> None:
    files = LogFiles(build_log([1500]))
    flip(files.folder / "tile/entries/000")
    swap(files.folder / "tile/0/003", files.folder / "tile/0/004")
    (files.folder / "tile/entries/002").unlink()
    alone = list(check_bundles(files, 1500, 1))
    assert [each.width for each in alone] == [256] * 5 + [220]
    assert sum(len(each.problems) for each in alone) >= 4
    for per_task in (1, 4):
        assert list(check_bundles(files, 1500, 2, entries_min=0, bundles_per_task=per_task)) == alone


def cut(content: bytes, count: int) -> bytes:
    return content[: max(len(content) - count, 0)]


MUTATIONS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "first byte flipped": lambda c, _: bytes([c[0] ^ 1]) + c[1:],
    "middle byte flipped": lambda c, _: c[: len(c) // 2] + bytes([c[len(c) // 2] ^ 0x80]) + c[len(c) // 2 + 1 :],
    "last byte flipped": lambda c, _: c[:-1] + bytes([c[-1] ^ 1]),
    "last byte cut": lambda c, _: cut(c, 1),
    "a hash cut": lambda c, _: cut(c, 32),
    "half cut": lambda c, _: c[: len(c) // 2],
    "emptied": lambda _c, _o: b"",
    "zeroed": lambda c, _: bytes(len(c)),
    "byte added": lambda c, _: c + b"\0",
    "a hash added": lambda c, _: c + bytes(32),
    "doubled": lambda c, _: c + c,
    "byte inserted in front": lambda c, _: b"\0" + c,
    "first byte removed": lambda c, _: c[1:],
    "reversed": lambda c, _: c[::-1],
    "halves exchanged": lambda c, _: c[len(c) // 2 :] + c[: len(c) // 2],
    "block repeated over its neighbour": lambda c, _: c[:32] + c[:32] + c[64:] if len(c) > 64 else c[:1] * len(c),
    "another file's content": lambda _, other: other,
    "beginning of another file": lambda c, other: other[: len(c) // 2] + c[len(c) // 2 :],
}
"""What can happen to the bytes of any one file; the second argument is the content of the next file."""


def test_every_kind_of_change_to_every_file_is_found(folder: Path, vkey: str) -> None:
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.parent.name != "writer")
    contents = {path: path.read_bytes() for path in paths}
    missed, tried = [], 0
    for path, following in zip(paths, [*paths[1:], paths[0]], strict=True):
        for kind, change in MUTATIONS.items():
            changed = change(contents[path], contents[following])
            if changed == contents[path]:
                continue
            path.write_bytes(changed)
            tried += 1
            missed += [(path.name, kind)] if verify_log(folder, vkey).ok else []
        path.write_bytes(contents[path])
    assert missed == []
    assert len(MUTATIONS) >= 16
    assert tried > len(paths) * 15
    assert verify_log(folder, vkey).ok
