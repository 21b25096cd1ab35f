"""The sealer and the opener of the services: few requests, short memories, and each refusal in its class."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from keys_samples import FakeClock, make_room, version

from staithe.kernel.crypto.sealing import (
    KeyringOpener,
    KeyringSealer,
    KeysNeeded,
    SealContext,
    generate_private_key,
    public_key_of,
)
from staithe.kernel.errors import Erased, Integrity, InvalidEvent, StaitheError, Unavailable
from staithe.kernel.events import Event
from staithe.keys import wire
from staithe.keys.client.sealing import VersionOpener, VersionSealer, fetch_ahead
from staithe.keys.limits import KEYS_PER_REQUEST_MAX, PRIVATE_KEY_SECONDS_MAX


class FakeService:
    """The room itself in place of the service, counting requests."""

    def __init__(self, folder: Path) -> None:
        self.room = make_room(folder)
        self.public, self.private = 0, 0
        self.failure: StaitheError | None = None

    def public_keys(self, purpose: str, versions: Sequence[wire.Version]) -> Sequence[wire.PublicKey]:
        self.public += 1
        if self.failure:
            raise self.failure
        return self.room.public_keys(purpose, versions)

    def private_keys(self, purpose: str, names: Sequence[wire.KeyName]) -> Sequence[wire.PrivateKey]:
        self.private += 1
        if self.failure:
            raise self.failure
        assert len(names) <= KEYS_PER_REQUEST_MAX
        return self.room.private_keys(purpose, names)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.service, self.clock = FakeService(folder), FakeClock()
        self.sealer = VersionSealer(self.service, self.clock)
        self.opener = VersionOpener(self.service, self.clock)

    def sealed(self, number: int = 5, document: str = "leave", part: str = "") -> tuple[SealContext, bytes]:
        context = SealContext("chunk", "harbour", document, number, part)
        return context, self.sealer.seal(context, b"text")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_many_blobs_of_one_version_cost_one_request_on_each_side(bench: Bench) -> None:
    blobs = [bench.sealed(part=str(number)) for number in range(20)]
    assert [bench.opener.open(*each) for each in blobs] == [b"text"] * 20
    assert (bench.service.public, bench.service.private) == (1, 1)


def test_keys_of_many_documents_are_fetched_in_one_request(bench: Bench) -> None:
    blobs = [bench.sealed(document=f"d{number}") for number in range(50)]
    bench.opener.prepare([*blobs, *blobs])
    assert [bench.opener.open(*each) for each in blobs] == [b"text"] * 50
    assert bench.service.private == 1


def test_keys_to_seal_with_are_made_in_one_request(bench: Bench) -> None:
    contexts = [SealContext("chunk", "harbour", f"d{number}", 5) for number in range(50)]
    bench.sealer.prepare([*contexts, *contexts])
    for context in contexts:
        assert bench.opener.open(context, bench.sealer.seal(context, b"text")) == b"text"
    assert bench.service.public == 1


def test_preparing_for_a_document_that_may_have_no_key_harms_no_other(bench: Bench) -> None:
    bench.service.room.shred(version(5))
    stranger, erased = SealContext("chunk", "stranger", "leave", 5), SealContext("chunk", "harbour", "leave", 5)
    bench.sealer.prepare([stranger, erased, SealContext("chunk", "harbour", "other", 5)])
    assert bench.sealed(document="other")
    assert bench.service.public == 1
    with pytest.raises(Erased):
        bench.sealer.seal(erased, b"text")
    with pytest.raises(InvalidEvent):
        bench.sealer.seal(stranger, b"text")


def test_key_without_a_version_is_not_fetched_ahead(bench: Bench) -> None:
    bench.sealer.prepare([SealContext("chunk", "harbour", "leave", 0)])
    assert bench.service.public == 0


def test_stage_gets_the_keys_of_a_batch_in_two_requests(bench: Bench) -> None:
    blobs = [bench.sealed(document=f"d{number}") for number in range(9)]
    seals = [SealContext("chunk", "harbour", f"e{number}", 5) for number in range(9)]
    needs = iter([KeysNeeded(opens=(blob,), seals=(seal,)) for blob, seal in zip(blobs, seals, strict=True)])
    bench.service.public = 0
    fetch_ahead(bench.opener, bench.sealer, lambda _: next(needs))([cast("Event", None)] * 9)
    assert [bench.opener.open(*each) for each in blobs] == [b"text"] * 9
    assert all(bench.sealer.seal(each, b"text") for each in seals)
    assert (bench.service.public, bench.service.private) == (1, 1)


def test_more_keys_than_a_request_takes_go_in_several(bench: Bench) -> None:
    blobs = [bench.sealed(number) for number in range(1, KEYS_PER_REQUEST_MAX + 2)]
    bench.opener.prepare(blobs)
    assert bench.service.private == 2


def test_reader_forgets_an_erased_document_at_once_and_others_not(bench: Bench) -> None:
    erased, other = bench.sealed(), bench.sealed(document="other")
    bench.opener.prepare([erased, other])
    bench.service.room.shred(version(5))
    assert bench.opener.open(*erased) == b"text", "until it hears of the erasure a reader has the key"
    bench.opener.forget("harbour", "leave")
    with pytest.raises(Erased):
        bench.opener.open(*erased)
    assert bench.opener.open(*other) == b"text"


def test_reader_that_hears_of_nothing_forgets_after_a_while(bench: Bench) -> None:
    blob = bench.sealed()
    assert bench.opener.open(*blob) == b"text"
    bench.service.room.shred(version(5))
    bench.clock.seconds += PRIVATE_KEY_SECONDS_MAX + 1
    with pytest.raises(Erased):
        bench.opener.open(*blob)


def test_erased_version_is_not_sealed_again(bench: Bench) -> None:
    bench.service.room.shred(version(5))
    with pytest.raises(Erased):
        bench.sealed()
    assert bench.sealed(6)


def test_stranger_has_no_key_and_is_not_named(bench: Bench) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        bench.sealer.seal(SealContext("chunk", "stranger", "leave", 5), b"text")
    assert refusal.value.reason_code == "TENANT_UNKNOWN"
    assert "stranger" not in str(refusal.value)


@pytest.mark.parametrize("sealed", [b"", b"\x01" + bytes(60), b"\x02" + bytes(63), b"\x02" + bytes(80)])
def test_blob_of_no_known_key_is_refused(bench: Bench, sealed: bytes) -> None:
    context = SealContext("chunk", "harbour", "leave", 5)
    bench.opener.prepare([(context, sealed)])
    with pytest.raises(Integrity):
        bench.opener.open(context, sealed)


def test_blob_of_another_document_is_refused(bench: Bench) -> None:
    _, sealed = bench.sealed()
    for context in (SealContext("chunk", "harbour", "other", 5), SealContext("chunk", "harbour", "leave", 6)):
        with pytest.raises(Integrity):
            bench.opener.open(context, sealed)


def test_service_that_is_down_is_unavailable_and_recovers(bench: Bench) -> None:
    blob = bench.sealed()
    bench.service.failure = Unavailable("the key service does not answer")
    for attempt in (lambda: bench.opener.open(*blob), lambda: bench.opener.prepare([blob]), lambda: bench.sealed(6)):
        with pytest.raises(Unavailable):
            attempt()
    assert bench.sealed()[1], "a key at hand needs no service"
    bench.service.failure = None
    assert bench.opener.open(*blob) == b"text"


def test_key_without_a_version_is_asked_for_each_time(bench: Bench) -> None:
    first = bench.sealed(0)
    bench.service.room.shred(version(5))
    assert bench.opener.open(*bench.sealed(0)) == b"text"
    with pytest.raises(Erased):
        bench.opener.open(*first)


def test_record_that_names_no_document_goes_to_the_operators_keyring(bench: Bench) -> None:
    private = generate_private_key()
    keyring = KeyringSealer({"record": {"staithe": public_key_of(private)}})
    sealer = VersionSealer(bench.service, bench.clock, keyring)
    opener = VersionOpener(bench.service, bench.clock, KeyringOpener({"record": {"staithe": private}}))
    context = SealContext("record", "staithe", "topic/0/1", 0)
    assert opener.open(context, sealer.seal(context, b"record")) == b"record"
    assert (bench.service.public, bench.service.private) == (0, 0)
