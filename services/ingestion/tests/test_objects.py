"""The object store: whole or not at all, names that tell nothing, and nothing removed that somebody may still need."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from staithe.ingestion.leftovers import KEPT_MS_MAX, SETTLE_MS, ObjectSweeper, is_disposable
from staithe.ingestion.objects import ObjectName, ObjectsAddress, ObjectStore, StoredObject
from staithe.kernel.errors import ConfigurationError, InvalidEvent, Unavailable
from staithe.kernel.events import ContentClaim, DocumentCurrent, DocumentSubmitted
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier

NOW_MS = 1_790_000_000_000
EVENT = DocumentSubmitted(
    event_id="0199", tenant_id=TenantId("harbour"), document_id=DocumentId("salaries-2026"), document_version=7,
    occurred_at=NOW_MS,
)  # fmt: skip
CURRENT = DocumentCurrent(
    tenant_id=TenantId("harbour"), document_id=DocumentId("salaries-2026"), document_version=7, residency="eu",
    access=Access(Tier.OFFICE, (), Classification.INTERNAL), content_sha256=b"c" * 32, erased=False, chunk_count=1,
    occurred_at=1,
)  # fmt: skip


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "file":
        return ObjectStore.at(ObjectsAddress((tmp_path / "objects").as_uri()))
    filesystem = fsspec.filesystem("memory", skip_instance_cache=True)
    filesystem.store.clear()
    return ObjectStore(filesystem, "/objects")


def claimed(store: ObjectStore, sealed: bytes = b"sealed", event: DocumentSubmitted = EVENT) -> DocumentSubmitted:
    return replace(event, claim=store.put(event, sealed))


def reason(act: Callable[[], object]) -> str:
    with pytest.raises(InvalidEvent) as refusal:
        act()
    return refusal.value.reason_code


def test_what_was_put_is_what_the_event_claims(store: ObjectStore) -> None:
    event = claimed(store)
    assert event.claim == ContentClaim(sealed_bytes=6, sealed_sha256=hashlib.sha256(b"sealed").digest())
    assert store.get(event) == b"sealed"


def test_name_follows_from_the_event_and_tells_no_id(store: ObjectStore) -> None:
    claimed(store)
    [stored] = store.listing()
    assert stored.name == ObjectName.of(EVENT)
    assert "salaries" not in stored.path


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_id": TenantId("millrace")},
        {"document_id": DocumentId("other")},
        {"document_version": 8},
        {"event_id": "0200"},
    ],
)
def test_an_event_cannot_claim_the_object_of_another(store: ObjectStore, changes: dict[str, Any]) -> None:
    assert reason(lambda: store.get(replace(claimed(store), **changes))) == "CLAIM_MISSING"


@pytest.mark.parametrize(
    "claim",
    [
        ContentClaim(sealed_bytes=6, sealed_sha256=b"x" * 32),
        ContentClaim(sealed_bytes=5, sealed_sha256=hashlib.sha256(b"seale").digest()),
        ContentClaim(sealed_bytes=7, sealed_sha256=hashlib.sha256(b"sealed").digest()),
        ContentClaim(sealed_bytes=-1, sealed_sha256=b""),
    ],
)
def test_an_object_that_is_not_as_claimed_is_refused(store: ObjectStore, claim: ContentClaim) -> None:
    assert reason(lambda: store.get(replace(claimed(store), claim=claim))) == "CLAIM_BROKEN"


def test_an_object_too_large_is_not_read(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    event = replace(claimed(store), claim=ContentClaim(sealed_bytes=5, sealed_sha256=b"x" * 32))
    monkeypatch.setattr(type(store._files), "cat_file", lambda *_: pytest.fail("read"))
    assert reason(lambda: store.get(event)) == "CLAIM_BROKEN"


@pytest.mark.parametrize("tenant", ["../../etc", "a/b", "", "HARBOUR", "a" * 64])
def test_ids_that_are_none_make_no_name(store: ObjectStore, tenant: str) -> None:
    event = replace(EVENT, tenant_id=TenantId(tenant))
    assert reason(lambda: store.put(event, b"x"))
    assert list(store.listing()) == []


def test_putting_again_and_deleting_twice_change_nothing(store: ObjectStore) -> None:
    assert claimed(store) == claimed(store)
    [stored] = store.listing()
    store.delete(stored)
    store.delete(stored)
    assert list(store.listing()) == []


def test_a_store_that_is_gone_is_unavailable_not_empty(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    store = ObjectStore.at(ObjectsAddress(folder.as_uri()))
    event = claimed(store)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    folder.write_text("a file where the folder was")
    with pytest.raises(Unavailable):
        store.put(event, b"x")


def test_half_an_upload_is_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore.at(ObjectsAddress((tmp_path / "objects").as_uri()))

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable):
        store.put(EVENT, b"x" * 100)
    assert [each.name for each in store.listing()] == [None]
    assert reason(lambda: store.get(replace(EVENT, claim=ContentClaim(sealed_bytes=100, sealed_sha256=b"")))) == (
        "CLAIM_MISSING"
    )


@pytest.mark.parametrize("url", ["nonsense://x", "file:///proc/nothing/here"])
def test_an_address_that_cannot_be_used_says_which_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="STAITHE_INGESTION_OBJECTS_URL"):
        ObjectStore.at(ObjectsAddress(url))


def test_credentials_must_be_two_lines(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("only-one\n")
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match="two lines"):
        ObjectStore.at(ObjectsAddress("s3://bucket", credentials_file=file))


STORED = StoredObject("path", ObjectName.of(EVENT), NOW_MS - SETTLE_MS - 1)
FRESH = replace(STORED, modified_ms=NOW_MS - SETTLE_MS)
ERASED, OLDER = replace(CURRENT, erased=True), replace(CURRENT, document_version=6)


@pytest.mark.parametrize(
    ("stored", "current", "expected"),
    [
        (STORED, CURRENT, True),
        (STORED, replace(CURRENT, document_version=8), True),
        (FRESH, CURRENT, False),
        (FRESH, ERASED, True),
        (FRESH, replace(ERASED, document_version=6), False),
        (STORED, OLDER, False),
        (STORED, None, False),
        (replace(STORED, name=None), None, False),
        (replace(STORED, modified_ms=NOW_MS - KEPT_MS_MAX), None, False),
        (replace(STORED, modified_ms=NOW_MS - KEPT_MS_MAX - 1), None, True),
        (replace(STORED, name=None, modified_ms=NOW_MS - KEPT_MS_MAX - 1), None, True),
    ],
)
def test_only_what_nothing_can_need_is_disposable(
    stored: StoredObject, current: DocumentCurrent | None, expected: bool
) -> None:
    assert is_disposable(stored, current, now_ms=NOW_MS) is expected


@dataclass
class FakeObjects:
    stored: list[StoredObject]
    deleted: list[StoredObject] = field(default_factory=list)

    def listing(self) -> list[StoredObject]:
        return self.stored

    def delete(self, stored: StoredObject) -> None:
        self.deleted.append(stored)

    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return 0.0


def test_sweep_removes_an_erased_documents_objects_and_no_neighbours() -> None:
    other = replace(EVENT, document_id=DocumentId("other"))
    mine, theirs = FRESH, replace(FRESH, name=ObjectName.of(other))
    objects = FakeObjects([mine, theirs])
    assert ObjectSweeper(objects, current=lambda: [ERASED], clock=objects).sweep() == 1
    assert objects.deleted == [mine]


def test_sweep_does_not_read_the_table_when_there_is_nothing() -> None:
    objects = FakeObjects([])
    assert ObjectSweeper(objects, current=lambda: pytest.fail("read"), clock=objects).sweep() == 0
