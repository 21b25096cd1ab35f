import base64

import pytest

from staithe.audit.merkle import EMPTY_ROOT
from staithe.audit.notes import Checkpoint, VerifierKey, is_key_name, open_checkpoint, sign_checkpoint
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError, Integrity

ORIGIN = "audit.example/test"
HEAD = Checkpoint(ORIGIN, 3, EMPTY_ROOT)
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"


@pytest.fixture(scope="module")
def key(signer: Signer) -> VerifierKey:
    return VerifierKey(ORIGIN, signer.public_key)


@pytest.fixture(scope="module")
def note(signer: Signer) -> bytes:
    return sign_checkpoint(HEAD, signer)


def test_a_signed_checkpoint_opens_with_its_key(note: bytes, key: VerifierKey) -> None:
    assert open_checkpoint(note, key) == HEAD


def test_the_verifier_key_of_the_go_documentation_is_read_and_written_alike() -> None:
    assert str(VerifierKey.parse(GO_VKEY)) == GO_VKEY


def test_signatures_of_witnesses_are_ignored(note: bytes, key: VerifierKey) -> None:
    cosigned = note + "— witness.example ".encode() + base64.b64encode(b"\x01" * 76) + b"\n"
    assert open_checkpoint(cosigned, key) == HEAD


def test_a_checkpoint_of_another_key_is_refused(key: VerifierKey) -> None:
    forged = sign_checkpoint(HEAD, Signer.generate())
    with pytest.raises(Integrity) as caught:
        open_checkpoint(forged, key)
    assert caught.value.reason_code == "CHECKPOINT_KEY_UNKNOWN"


def test_a_checkpoint_of_another_key_under_our_key_id_is_refused(key: VerifierKey) -> None:
    forged = base64.b64encode(key.key_id + Signer.generate().sign(HEAD.text().encode())).decode()
    with pytest.raises(Integrity) as caught:
        open_checkpoint(f"{HEAD.text()}\n— {ORIGIN} {forged}\n".encode(), key)
    assert caught.value.reason_code == "CHECKPOINT_SIGNATURE_INVALID"


def test_a_wrong_second_signature_of_ours_spoils_a_right_first_one(note: bytes, key: VerifierKey) -> None:
    second = base64.b64encode(key.key_id + b"\x00" * 64).decode()
    with pytest.raises(Integrity):
        open_checkpoint(note + f"— {ORIGIN} {second}\n".encode(), key)


def test_a_checkpoint_of_another_origin_by_the_same_key_is_refused(signer: Signer, key: VerifierKey) -> None:
    text = Checkpoint("audit.example/other", 3, EMPTY_ROOT).text()
    signature = base64.b64encode(key.key_id + signer.sign(text.encode())).decode()
    with pytest.raises(Integrity) as caught:
        open_checkpoint(f"{text}\n— {ORIGIN} {signature}\n".encode(), key)
    assert caught.value.reason_code == "CHECKPOINT_ORIGIN_WRONG"


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n3\n",
        f"{ORIGIN}\n03\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{ORIGIN}\n-3\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{ORIGIN}\n99999999999999999999\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{ORIGIN}\n9999999999999999\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{ORIGIN}\n3\n{base64.b64encode(EMPTY_ROOT[:-1]).decode()}\n",
        f"{ORIGIN}\n3\n{base64.b64encode(EMPTY_ROOT).decode()}\nmore\n",
        f"{ORIGIN}\n3\n!!!!\n",
        GO_NOTE_TEXT,
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str, signer: Signer, key: VerifierKey) -> None:
    signature = base64.b64encode(key.key_id + signer.sign(text.encode())).decode()
    with pytest.raises(Integrity) as caught:
        open_checkpoint(f"{text}\n— {ORIGIN} {signature}\n".encode(), key)
    assert caught.value.reason_code == "CHECKPOINT_MALFORMED"


def test_no_byte_of_a_checkpoint_can_be_changed_or_cut(note: bytes, key: VerifierKey) -> None:
    for i in range(len(note)):
        for changed in (note[:i] + bytes([note[i] ^ 1]) + note[i + 1 :], note[:i], note[:i] + note[i + 1 :]):
            with pytest.raises(Integrity):
                open_checkpoint(changed, key)


@pytest.mark.parametrize("note", [b"", b"\n\n", b"\xff\xfe", b"x" * 70_000, b"a\n\n- b c\n", b"a\x00\n\n"])
def test_what_is_no_note_is_refused(note: bytes, key: VerifierKey) -> None:
    with pytest.raises(Integrity):
        open_checkpoint(note, key)


def test_a_flood_of_signatures_is_refused(note: bytes, key: VerifierKey) -> None:
    with pytest.raises(Integrity) as caught:
        open_checkpoint(note + "— w AAAAAAAA\n".encode() * 64, key)
    assert "too many" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("PeterNeumann", "PaulNeumann"),
        GO_VKEY[:-4],
        GO_VKEY.replace("+AR", "+AB"),
        "a b+00000000+" + GO_VKEY.rpartition("+")[2],
    ],
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        VerifierKey.parse(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\x07"])
def test_names_that_would_break_a_note_are_no_key_names(name: str) -> None:
    assert not is_key_name(name)
