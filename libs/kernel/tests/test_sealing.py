"""Sealing and signing: what opens and verifies, and above all what does not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kernel_samples import reason

from staithe.kernel.crypto.sealing import (
    KEYRING_OVERHEAD_BYTES,
    OVERHEAD_BYTES,
    KeyringOpener,
    KeyringSealer,
    SealContext,
    generate_private_key,
    key_id_of,
    open_under,
    private_keys_in,
    public_key_of,
    seal_under,
    write_keyring,
)
from staithe.kernel.crypto.signing import Signer, verify
from staithe.kernel.errors import ConfigurationError, Integrity, InvalidEvent

CONTEXT = SealContext("document", "harbour", "leave", 7, "0")
PRIVATE, OTHER = generate_private_key(), generate_private_key()
SEALER = KeyringSealer({"document": {"harbour": public_key_of(PRIVATE)}})
OPENER = KeyringOpener({"document": {"harbour": PRIVATE}})
SEALED = SEALER.seal(CONTEXT, b"secret text")
CONTEXTS = st.builds(
    SealContext, st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.integers(0, 200), st.text(max_size=4)
)


def refused(context: SealContext, sealed: bytes, opener: KeyringOpener = OPENER) -> str:
    with pytest.raises(Integrity) as refusal:
        opener.open(context, sealed)
    return reason(refusal)


@given(st.binary(max_size=200))
def test_sealed_text_opens_in_its_own_context(plaintext: bytes) -> None:
    sealed = SEALER.seal(CONTEXT, plaintext)
    assert OPENER.open(CONTEXT, sealed) == plaintext
    assert len(sealed) == len(plaintext) + KEYRING_OVERHEAD_BYTES


def test_sealing_twice_gives_different_blobs() -> None:
    assert SEALER.seal(CONTEXT, b"x") != SEALER.seal(CONTEXT, b"x")


@pytest.mark.parametrize(
    "other",
    [replace(CONTEXT, document_id="other"), replace(CONTEXT, document_version=8), replace(CONTEXT, part="1")],
)
def test_blob_moved_to_another_place_does_not_open(other: SealContext) -> None:
    assert refused(other, SEALED) == "SEAL_BROKEN"


def test_purpose_and_tenant_are_bound_even_under_the_same_key() -> None:
    shared = KeyringOpener({"document": {"harbour": PRIVATE, "millrace": PRIVATE}, "chunk": {"harbour": PRIVATE}})
    assert shared.open(CONTEXT, SEALED) == b"secret text"
    assert refused(replace(CONTEXT, tenant_id="millrace"), SEALED, shared) == "SEAL_BROKEN"
    assert refused(replace(CONTEXT, purpose="chunk"), SEALED, shared) == "SEAL_BROKEN"


def test_without_the_key_nothing_opens() -> None:
    assert refused(replace(CONTEXT, tenant_id="millrace"), SEALED) == "SEAL_KEY_MISSING"
    assert refused(replace(CONTEXT, purpose="chunk"), SEALED) == "SEAL_KEY_MISSING"
    assert refused(CONTEXT, SEALED, KeyringOpener({"document": {"harbour": OTHER}})) == "SEAL_BROKEN"
    assert refused(CONTEXT, SEALED, KeyringOpener({})) == "SEAL_KEY_MISSING"


def test_blob_cut_at_any_byte_does_not_open() -> None:
    for length in range(len(SEALED)):
        refused(CONTEXT, SEALED[:length])
    refused(CONTEXT, SEALED + b"\0")


def test_blob_changed_at_any_byte_does_not_open() -> None:
    for place in range(len(SEALED)):
        changed = bytearray(SEALED)
        changed[place] ^= 1
        refused(CONTEXT, bytes(changed))


@pytest.mark.parametrize("encapsulated", [bytes(32), b"\1" + bytes(31), b"\xff" * 32])
def test_blob_under_a_degenerate_key_does_not_open(encapsulated: bytes) -> None:
    assert refused(CONTEXT, SEALED[:1] + encapsulated + SEALED[33:]) == "SEAL_BROKEN"


@given(CONTEXTS, CONTEXTS)
def test_two_contexts_never_have_the_same_bytes(one: SealContext, other: SealContext) -> None:
    assume(one != other)
    assert one.info() != other.info()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SealContext("a", "bc", "d", 1), SealContext("ab", "c", "d", 1)),
        (SealContext("a", "b", "c", 1, "2"), SealContext("a", "b", "c", 12, "")),
        (SealContext("a", "b", "c1", 1), SealContext("a", "b", "c", 11)),
        (SealContext("a", "", "b", 1), SealContext("a", "b", "", 1)),
    ],
)
def test_nothing_moves_between_the_fields_of_a_context(one: SealContext, other: SealContext) -> None:
    assert one.info() != other.info()


def test_tenant_without_a_key_cannot_be_sealed_for() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        SEALER.seal(replace(CONTEXT, tenant_id="stranger"), b"x")
    assert reason(refusal) == "TENANT_UNKNOWN"
    assert "stranger" not in str(refusal.value)


def test_keyring_file_keeps_public_and_private_keys_apart(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, seals={"chunk": {"harbour": public_key_of(OTHER)}}, opens={"document": {"harbour": PRIVATE}})
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyringOpener.from_file(path).open(CONTEXT, SEALED) == b"secret text"
    sealed = KeyringSealer.from_file(path).seal(replace(CONTEXT, purpose="chunk"), b"text")
    assert KeyringOpener({"chunk": {"harbour": OTHER}}).open(replace(CONTEXT, purpose="chunk"), sealed) == b"text"
    assert private_keys_in(path) == {"document": {"harbour": PRIVATE}}
    with pytest.raises(InvalidEvent):
        KeyringSealer.from_file(path).seal(CONTEXT, b"text")


@pytest.mark.parametrize(
    "keyring",
    [
        b"", b"{", b"[]", b"null", b"5", b"\xff", b"{}", b'{"version": 2, "opens": {}}', b'{"version": 1}',
        b'{"version": 1, "opens": []}', b'{"version": 1, "opens": {"document": []}}',
        b'{"version": 1, "opens": {"document": {"harbour": 5}}}',
        b'{"version": 1, "opens": {"document": {"harbour": "!"}}}',
        b'{"version": 1, "opens": {"document": {"harbour": "AAAA"}}}',
    ],
)  # fmt: skip
def test_unusable_keyring_is_refused(tmp_path: Path, keyring: bytes) -> None:
    path = tmp_path / "keyring.json"
    path.write_bytes(keyring)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError) as refusal:
        KeyringOpener.from_file(path)
    assert reason(refusal) == "KEYRING_MALFORMED"


def test_exposed_keyring_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(json.dumps({"version": 1, "opens": {}, "seals": {}}))
    path.chmod(0o640)
    with pytest.raises(ConfigurationError) as refusal:
        KeyringSealer.from_file(path)
    assert reason(refusal) == "SECRET_EXPOSED"


# Signing


def test_signature_verifies_under_its_own_key_only(tmp_path: Path) -> None:
    signer = Signer.generate()
    signer.save(tmp_path / "key")
    signature = Signer.from_file(tmp_path / "key").sign(b"message")
    verify(signer.public_key, signature, b"message")
    with pytest.raises(Integrity) as refusal:
        verify(Signer.generate().public_key, signature, b"message")
    assert reason(refusal) == "SIGNATURE_INVALID"


def test_signature_changed_at_any_byte_is_refused() -> None:
    signer = Signer.generate()
    signature = signer.sign(b"message")
    for place in range(len(signature)):
        changed = bytearray(signature)
        changed[place] ^= 1
        with pytest.raises(Integrity):
            verify(signer.public_key, bytes(changed), b"message")
    with pytest.raises(Integrity):
        verify(signer.public_key, signature, b"message ")


@pytest.mark.parametrize(
    ("key", "signature"), [(b"", b"s" * 64), (b"k" * 31, b"s" * 64), (b"k" * 32, b"s" * 63), (b"k" * 33, b"")]
)
def test_key_or_signature_of_another_length_is_refused(key: bytes, signature: bytes) -> None:
    with pytest.raises(Integrity):
        verify(key, signature, b"message")


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_seed_of_another_length_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="restore") as refusal:
        Signer.from_file(path)
    assert reason(refusal) == "SIGNING_KEY_MALFORMED"


KEY_ID = bytes(range(16))


def test_blob_under_a_versions_key_names_it_and_opens_with_it() -> None:
    sealed = seal_under(KEY_ID, public_key_of(PRIVATE), CONTEXT, b"secret text")
    assert len(sealed) == len(b"secret text") + OVERHEAD_BYTES
    assert key_id_of(sealed) == KEY_ID
    assert open_under(PRIVATE, CONTEXT, sealed) == b"secret text"
    for key, context in ((OTHER, CONTEXT), (PRIVATE, replace(CONTEXT, document_version=8))):
        with pytest.raises(Integrity) as refusal:
            open_under(key, context, sealed)
        assert reason(refusal) == "SEAL_BROKEN"


@pytest.mark.parametrize("sealed", [b"", b"\x02", SEALED, b"\x02" + bytes(63), b"\x03" + bytes(100)])
def test_blob_that_names_no_key_is_refused(sealed: bytes) -> None:
    with pytest.raises(Integrity) as refusal:
        key_id_of(sealed)
    assert reason(refusal) == "SEAL_KEY_MISSING"
