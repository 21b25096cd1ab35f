"""Envelopes: secrets and the keys made from them open what they are for, and nothing else."""

import pytest

from staithe.kernel.errors import Integrity
from staithe.keys.envelope import key_from_passphrase, new_secret, private_key_for, unwrap, wrap

KEY_ID = b"i" * 16


def test_one_secret_gives_unrelated_keys_by_purpose_and_name() -> None:
    secret = new_secret()
    keys = {private_key_for(each, secret=secret, key_id=KEY_ID) for each in ("document", "chunk", "chun", "k")}
    assert len(keys) == 4
    assert private_key_for("chunk", secret=secret, key_id=bytes(16)) not in keys
    assert private_key_for("chunk", secret=secret, key_id=KEY_ID) in keys


def test_wrapped_secret_opens_in_its_own_place_only() -> None:
    key, secret = new_secret(), new_secret()
    wrapped = wrap(key, secret, b"here")
    assert unwrap(key, wrapped, b"here") == secret
    for other in (
        (new_secret(), wrapped, b"here"),
        (key, wrapped, b"there"),
        (key, wrapped[:-1], b"here"),
        (key, b"", b"here"),
    ):
        with pytest.raises(Integrity) as refusal:
            unwrap(*other)
        assert refusal.value.reason_code == "WRAP_BROKEN"


def test_passphrase_gives_the_same_key_under_the_same_salt_only() -> None:
    assert key_from_passphrase("correct horse", b"s" * 16) == key_from_passphrase("correct horse", b"s" * 16)
    assert key_from_passphrase("correct horse", b"s" * 16) != key_from_passphrase("correct horse", b"t" * 16)
    assert key_from_passphrase("correct horse", b"s" * 16) != key_from_passphrase("Correct horse", b"s" * 16)
