"""A witness cosigns what extends the past, and nothing else, ever."""

import base64
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from staithe.audit.cosign import check_cosignature, cosign
from staithe.audit.files import LogFiles
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import COSIGNATURE, VerifierKey, open_checkpoint
from staithe.audit.witness import Witness
from staithe.kernel.crypto import signing
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError, Integrity

ORIGIN, NAME = "audit.example/test", "witness.example/w1"
NOW_MS = 1_790_000_000_500
Grow = Callable[[int], Path]


class FakeClock:
    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture(scope="module")
def log_key(signer: Signer) -> VerifierKey:
    return VerifierKey(ORIGIN, signer.public_key)


@pytest.fixture
def grow(tmp_path: Path, signer: Signer, entries: Callable[[int, int], list[bytes]]) -> Grow:
    """Appends to the log in tmp_path/log until it has so many entries."""

    def to(size: int) -> Path:
        with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
            if size > log.size:
                log.append(entries(log.size, size))
            return log.folder

    return to


@pytest.fixture
def open_witness(tmp_path: Path, log_key: VerifierKey) -> Callable[[], Witness]:
    return lambda: Witness(tmp_path / "witness", log_key, NAME, FakeClock())


def test_every_extension_is_cosigned_across_restarts(
    grow: Grow, open_witness: Callable[[], Witness], log_key: VerifierKey
) -> None:
    before = 0
    for size in (0, 1, 2, 255, 256, 300, 300, 700):
        witness = open_witness()
        seen = witness.look(LogFiles(grow(size)))
        assert (seen.head.size, seen.size_before) == (size, before)
        assert check_cosignature(seen.note, witness.key) == NOW_MS // 1000
        assert open_checkpoint(seen.note, log_key) == seen.head
        before = size


def test_cosignature_has_the_bytes_of_the_specification(grow: Grow, open_witness: Callable[[], Witness]) -> None:
    """Taken apart by hand: key id, big-endian time, and a signature over `cosignature/v1`, the time and the text."""
    witness = open_witness()
    note = witness.look(LogFiles(grow(3))).note.decode()
    text, _, lines = note.rpartition("\n\n")
    dash, name, encoded = lines.splitlines()[-1].split(" ")
    value, public_key = base64.b64decode(encoded), witness.key.public_key
    assert (dash, name, len(value)) == ("\u2014", NAME, 4 + 8 + 64)
    assert value[:4] == sha256(NAME.encode() + b"\n\x04" + public_key).digest()[:4]
    seconds = int.from_bytes(value[4:12])
    signing.verify(public_key, value[12:], f"cosignature/v1\ntime {seconds}\n{text}\n".encode())
    assert str(witness.key).startswith(f"{NAME}+{value[:4].hex()}+B")


def test_a_rollback_is_refused_and_kept_as_proof(
    grow: Grow, open_witness: Callable[[], Witness], tmp_path: Path, log_key: VerifierKey
) -> None:
    shutil.copytree(grow(100), tmp_path / "older")
    kept = open_witness().look(LogFiles(grow(400))).note
    for _ in range(2):  # a restart does not forget it
        with pytest.raises(Integrity) as caught:
            open_witness().look(LogFiles(tmp_path / "older"))
        assert caught.value.reason_code == "LOG_ROLLED_BACK"
    assert (tmp_path / "witness" / "checkpoint").read_bytes() == kept
    assert open_checkpoint((tmp_path / "witness" / "refused").read_bytes(), log_key).size == 100


@pytest.mark.parametrize("size", [400, 401, 700])
def test_a_fork_is_refused_at_any_size(
    size: int, grow: Grow, open_witness: Callable[[], Witness], tmp_path: Path, signer: Signer
) -> None:
    open_witness().look(LogFiles(grow(400)))
    with TransparencyLog(tmp_path / "fork", signer, ORIGIN) as fork:
        fork.append([b"another history %d" % i for i in range(size)])
        with pytest.raises(Integrity) as caught:
            open_witness().look(LogFiles(fork.folder))
    assert caught.value.reason_code == "LOG_FORKED"
    assert open_witness().look(LogFiles(grow(500))).size_before == 400


def test_tampered_tiles_get_no_cosignature(grow: Grow, open_witness: Callable[[], Witness]) -> None:
    folder = grow(300)
    open_witness().look(LogFiles(folder))
    folder = grow(600)
    tile = folder / "tile/0/001"
    tile.write_bytes(bytes(len(tile.read_bytes())))
    with pytest.raises(Integrity):
        open_witness().look(LogFiles(folder))


def test_the_log_of_another_key_is_refused(open_witness: Callable[[], Witness], tmp_path: Path) -> None:
    with TransparencyLog(tmp_path / "forged", Signer.generate(), ORIGIN) as log, pytest.raises(Integrity):
        open_witness().look(LogFiles(log.folder))


def test_a_state_that_somebody_changed_is_refused(
    grow: Grow, open_witness: Callable[[], Witness], tmp_path: Path
) -> None:
    open_witness().look(LogFiles(grow(5)))
    (tmp_path / "witness" / "checkpoint").write_bytes((grow(9) / "checkpoint").read_bytes())
    with pytest.raises(Integrity) as caught:
        open_witness()
    assert caught.value.reason_code == "COSIGNATURE_MISSING"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_no_note_can_carry_is_refused(name: str, tmp_path: Path, log_key: VerifierKey) -> None:
    with pytest.raises(ConfigurationError):
        Witness(tmp_path / "witness", log_key, name, FakeClock())


def test_cosignature_is_no_signature_and_the_other_way_round(grow: Grow, log_key: VerifierKey) -> None:
    signer = Signer.generate()
    witness_key = VerifierKey(NAME, signer.public_key, COSIGNATURE)
    note = cosign((grow(3) / "checkpoint").read_bytes(), witness_key, signer, time_seconds=7)
    with pytest.raises(Integrity):
        open_checkpoint(note, VerifierKey(NAME, signer.public_key))
    with pytest.raises(Integrity):
        check_cosignature(note, VerifierKey(ORIGIN, log_key.public_key, COSIGNATURE))
    with pytest.raises(ConfigurationError):
        VerifierKey.parse(str(witness_key))
    assert VerifierKey.parse(str(witness_key), COSIGNATURE) == witness_key


def test_a_changed_time_spoils_a_cosignature(grow: Grow) -> None:
    signer = Signer.generate()
    key = VerifierKey(NAME, signer.public_key, COSIGNATURE)
    note = cosign((grow(3) / "checkpoint").read_bytes(), key, signer, time_seconds=7)
    encoded = note.splitlines()[-1].split(b" ")[2]
    value = bytearray(base64.b64decode(encoded))
    value[11] ^= 1
    with pytest.raises(Integrity):
        check_cosignature(note.replace(encoded, base64.b64encode(value)), key)


def test_cosigning_again_replaces_ones_own_line_only(grow: Grow) -> None:
    one, other = Signer.generate(), Signer.generate()
    keys = [VerifierKey(f"w{i}.example", each.public_key, COSIGNATURE) for i, each in enumerate((one, other))]
    note = cosign((grow(3) / "checkpoint").read_bytes(), keys[0], one, time_seconds=1)
    note = cosign(note, keys[1], other, time_seconds=2)
    note = cosign(note, keys[0], one, time_seconds=3)
    assert [check_cosignature(note, key) for key in keys] == [3, 2]
    assert len(note.rpartition(b"\n\n")[2].splitlines()) == 3
