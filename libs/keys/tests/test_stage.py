"""The room of keys: one secret per version, keys by purpose, and nothing that an erasure took ever again."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from keys_samples import make_room, name_of, version

from staithe.kernel.crypto.sealing import SealContext, open_under, public_key_of, seal_under
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.keys.stage import KeyRoom
from staithe.keys.wire import PublicKey, Version


@pytest.fixture
def room(tmp_path: Path) -> KeyRoom:
    return make_room(tmp_path)


def public(room: KeyRoom, of: Version, purpose: str = "chunk") -> PublicKey:
    return room.public_keys(purpose, [of])[0]


def publics(room: KeyRoom, numbers: Sequence[int]) -> dict[int, PublicKey]:
    """Made in one transaction, because each costs a sync of the disk."""
    return dict(zip(numbers, room.public_keys("chunk", [version(number) for number in numbers]), strict=True))


def opens(room: KeyRoom, key: PublicKey, of: Version, purpose: str = "chunk") -> str:
    """The private key that is given out for `key`, or why there is none."""
    (answer,) = room.private_keys(purpose, [name_of(key, of)])
    return answer.private_key or answer.refused or ""


def test_reader_opens_what_the_writer_sealed(room: KeyRoom) -> None:
    key = public(room, version())
    context = SealContext("chunk", "harbour", "leave", 5, "0")
    sealed = seal_under(bytes.fromhex(key.key_id or ""), bytes.fromhex(key.public_key or ""), context, b"text")
    assert open_under(bytes.fromhex(opens(room, key, version())), context, sealed) == b"text"


def test_same_version_has_the_same_key_also_after_a_restart(room: KeyRoom, tmp_path: Path) -> None:
    key = public(room, version())
    assert public(room, version()) == key
    again = make_room(tmp_path)
    assert public(again, version()) == key
    assert opens(again, key, version()) == opens(room, key, version())


def test_versions_documents_tenants_and_purposes_share_no_key(room: KeyRoom) -> None:
    others = [version(), version(6), version(document="other"), version(tenant="millrace"), version(0)]
    keys = {public(room, each).public_key for each in others} | {public(room, version(), "document").public_key}
    assert len(keys) == 6


def test_private_key_is_of_the_purpose_that_was_asked(room: KeyRoom) -> None:
    key = public(room, version())
    for purpose in ("chunk", "document", "quarantine"):
        expected = public(room, version(), purpose).public_key
        assert public_key_of(bytes.fromhex(opens(room, key, version(), purpose))).hex() == expected


@pytest.mark.parametrize(
    "other", [version(6), version(document="other"), version(tenant="millrace"), version(0), version(tenant="stranger")]
)
def test_key_is_not_given_out_as_another_versions(room: KeyRoom, other: Version) -> None:
    assert opens(room, public(room, version()), other) == "KEY_UNKNOWN"


def test_key_that_never_was_is_unknown(room: KeyRoom) -> None:
    assert opens(room, PublicKey(key_id="00" * 16), version()) == "KEY_UNKNOWN"


@pytest.mark.parametrize(
    ("of", "code"),
    [
        (version(tenant="stranger"), "TENANT_UNKNOWN"),
        (version(tenant="Harbour"), "TENANT_ID_MALFORMED"),
        (version(document="a/b"), "DOCUMENT_ID_MALFORMED"),
    ],
)
def test_what_nobody_set_up_gets_no_key(room: KeyRoom, of: Version, code: str) -> None:
    assert public(room, of).refused == code
    assert room.secrets() == 0


def test_batch_is_answered_in_its_order_and_makes_one_secret_for_each_version(room: KeyRoom) -> None:
    asked = [version(7), version(tenant="stranger"), version(7), version(8)]
    first, refused, again, other = room.public_keys("chunk", asked)
    assert (first, refused.refused) == (again, "TENANT_UNKNOWN")
    assert first != other
    assert room.secrets() == 2


# Erasure


def test_erasure_takes_every_version_up_to_its_own(room: KeyRoom) -> None:
    before = {number: public(room, version(number)) for number in (0, 4, 5, 6)}
    outcome = room.shred(version(5))
    assert (outcome.document_version, outcome.secrets) == (5, 3)
    for number in (0, 4, 5):
        for purpose in ("chunk", "document", "quarantine", "dead-letter"):
            assert opens(room, before[number], version(number), purpose) == "DOCUMENT_ERASED"
    assert len(opens(room, before[6], version(6))) == 64


def test_erased_version_never_gets_a_key_again(room: KeyRoom, tmp_path: Path) -> None:
    room.shred(version(5))
    for number in (1, 4, 5):
        assert public(room, version(number)).refused == "DOCUMENT_ERASED"
        assert public(make_room(tmp_path), version(number)).refused == "DOCUMENT_ERASED"
    assert room.secrets() == 0


def test_higher_version_is_a_new_life_and_old_blobs_stay_dead(room: KeyRoom) -> None:
    old = public(room, version(5))
    room.shred(version(5))
    new = public(room, version(6))
    assert new.public_key is not None
    assert opens(room, old, version(5)) == "DOCUMENT_ERASED"
    assert opens(room, old, version(6)) == "KEY_UNKNOWN"


def test_erasure_touches_no_other_document(room: KeyRoom) -> None:
    others = [version(document="leave2"), version(tenant="millrace")]
    keys = [public(room, each) for each in others]
    room.shred(version(9))
    assert all(len(opens(room, key, each)) == 64 for key, each in zip(keys, others, strict=True))


def test_record_without_a_version_gets_a_new_key_after_an_erasure(room: KeyRoom) -> None:
    before = public(room, version(0))
    room.shred(version(5))
    after = public(room, version(0))
    assert after.key_id not in (None, before.key_id)
    assert opens(room, before, version(0)) == "DOCUMENT_ERASED"
    assert len(opens(room, after, version(0))) == 64
    room.shred(version(6))
    assert opens(room, after, version(0)) == "DOCUMENT_ERASED"


def test_erasure_again_says_the_same(room: KeyRoom) -> None:
    public(room, version(5))
    first = room.shred(version(5))
    assert first.secrets == 1
    assert room.shred(version(5)) == room.shred(version(3)) == first


def test_later_erasure_stands_above_the_first(room: KeyRoom) -> None:
    first = room.shred(version(5))
    second = room.shred(version(8))
    assert (second.document_version, second.secrets) == (8, 0)
    assert second.event_id != first.event_id
    assert public(room, version(7)).refused == "DOCUMENT_ERASED"


def test_erasure_of_a_document_that_never_was_is_remembered(room: KeyRoom) -> None:
    outcome = room.shred(version(5, "never"))
    assert (outcome.document_version, outcome.secrets) == (5, 0)
    assert public(room, version(5, "never")).refused == "DOCUMENT_ERASED"


def test_nothing_of_a_destroyed_secret_is_left_in_the_stores_files(room: KeyRoom, tmp_path: Path) -> None:
    key = public(room, version(5))
    row = room._store.find(bytes.fromhex(key.key_id or ""))
    assert row is not None
    assert any(row.wrapped in path.read_bytes() for path in tmp_path.glob("store.sqlite*"))
    room.shred(version(5))
    assert not any(row.wrapped in path.read_bytes() for path in tmp_path.glob("store.sqlite*"))
    assert row.key_id not in room._secrets


# Rotation


def rotated(room: KeyRoom, tenant: str = "harbour") -> tuple[int, int]:
    room.begin_rotation(tenant)
    wrapped = 0
    while count := room.rewrap_some(tenant):
        wrapped += count
    outcome = room.end_rotation(tenant, wrapped)
    return outcome.key_version, outcome.secrets


def test_rotation_wraps_everything_anew_and_no_blob_notices(room: KeyRoom, tmp_path: Path) -> None:
    keys = publics(room, range(1, 600))
    assert rotated(room) == (2, 599)
    again = make_room(tmp_path)
    assert all(len(opens(again, key, version(number))) == 64 for number, key in keys.items())


def test_store_from_before_a_rotation_is_worth_nothing(room: KeyRoom, tmp_path: Path) -> None:
    key = public(room, version(5))
    row = room._store.find(bytes.fromhex(key.key_id or ""))
    rotated(room)
    assert row is not None
    room._store.rewrap([row])  # as a restored backup of the store would have it
    with pytest.raises(Integrity, match="TENANT_KEY_DESTROYED"):
        make_room(tmp_path).private_keys("chunk", [name_of(key, version())])


def test_interrupted_rotation_is_finished_later(room: KeyRoom, tmp_path: Path) -> None:
    keys = publics(room, range(1, 301))
    room.begin_rotation("harbour")
    assert room.rewrap_some("harbour") == 256
    again = make_room(tmp_path)
    assert again.rewrap_some("harbour") == 44
    assert again.rewrap_some("harbour") == 0
    assert again.end_rotation("harbour", 44).key_version == 2
    assert all(len(opens(again, key, version(number))) == 64 for number, key in keys.items())


def test_rotation_of_an_unknown_tenant_is_refused(room: KeyRoom) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        room.begin_rotation("stranger")
    assert refusal.value.reason_code == "TENANT_UNKNOWN"


def test_secret_destroyed_while_it_is_rewrapped_stays_destroyed(room: KeyRoom) -> None:
    key = public(room, version(5))
    row = room._store.find(bytes.fromhex(key.key_id or ""))
    room.shred(version(5))
    assert row is not None
    room._store.rewrap([row])
    assert opens(room, key, version(5)) == "DOCUMENT_ERASED"


def test_term_key_is_the_tenants_own_and_stays_the_same(room: KeyRoom, tmp_path: Path) -> None:
    key = room.term_key("harbour").term_key
    assert key is not None
    assert len(bytes.fromhex(key)) == 32
    assert room.term_key("harbour").term_key == key
    assert room.term_key("millrace").term_key not in (key, None)
    assert make_room(tmp_path).term_key("harbour").term_key == key


def test_term_key_survives_the_rotation_of_the_tenants_key(room: KeyRoom) -> None:
    key = room.term_key("harbour")
    room.begin_rotation("harbour")
    wrapped = room.rewrap_some("harbour")
    room.end_rotation("harbour", wrapped)
    assert wrapped == 1
    assert room.term_key("harbour") == key


def test_stranger_has_no_term_key(room: KeyRoom) -> None:
    assert room.term_key("stranger").term_key is None
    assert room.term_key("stranger").refused == "TENANT_UNKNOWN"


def test_term_key_is_no_documents_key(room: KeyRoom) -> None:
    """No version of any document, however it is named, is sealed under the tenant's terms secret or gives it away."""
    key = room.term_key("harbour").term_key
    others = [version(), version(0), version(document="terms"), version(0, document="terms")]
    answers = room.public_keys("terms", others)
    privates = {opens(room, answer, of, "terms") for answer, of in zip(answers, others, strict=True)}
    assert key not in privates


def test_erasures_leave_the_term_key(room: KeyRoom) -> None:
    key = room.term_key("harbour")
    room.shred(version(9))
    assert room.term_key("harbour") == key
