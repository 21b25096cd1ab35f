"""The sealer and the opener that services use: they fetch the key of each document version when it is first needed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from staithe.kernel.clock import Clock
from staithe.kernel.crypto.sealing import (
    KEYRING,
    KeyringOpener,
    KeyringSealer,
    KeysNeeded,
    SealContext,
    key_id_of,
    open_under,
    seal_under,
)
from staithe.kernel.errors import Erased, Integrity, InvalidEvent
from staithe.kernel.events import Event
from staithe.kernel.topology import KEYRING_PURPOSE
from staithe.keys import wire
from staithe.keys.client.cache import KeyCache
from staithe.keys.limits import (
    KEYS_PER_REQUEST_MAX,
    PRIVATE_KEY_SECONDS_MAX,
    PRIVATE_KEYS_CACHED_MAX,
    PUBLIC_KEY_SECONDS_MAX,
    PUBLIC_KEYS_CACHED_MAX,
)
from staithe.keys.policy import UNVERSIONED

Sealed = tuple[SealContext, bytes]
Each = TypeVar("Each")
_WORDS: Final = {
    wire.ERASED: "this version of the document was erased",
    wire.UNKNOWN_TENANT: "this tenant is not set up here; add it to policies/tenants.yaml",
}


class PublicKeySource(Protocol):
    """Whoever knows public keys."""

    def public_keys(self, purpose: str, versions: Sequence[wire.Version]) -> Sequence[wire.PublicKey]:
        """In the order of `versions`; raises Unavailable, AccessDenied or InvalidEvent."""
        ...


class PrivateKeySource(Protocol):
    """Whoever knows private keys."""

    def private_keys(self, purpose: str, names: Sequence[wire.KeyName]) -> Sequence[wire.PrivateKey]:
        """In the order of `names`; raises Unavailable, AccessDenied or InvalidEvent."""
        ...


class VersionSealer:
    """A Sealer under the keys of document versions; what names no document goes to the operator's keyring."""

    def __init__(self, source: PublicKeySource, clock: Clock, keyring: KeyringSealer | None = None) -> None:
        self._source, self._keyring = source, keyring
        self._cache: KeyCache[tuple[str, wire.Version], tuple[bytes, bytes]] = KeyCache(
            clock, count_max=PUBLIC_KEYS_CACHED_MAX, seconds_max=PUBLIC_KEY_SECONDS_MAX
        )

    def seal(self, context: SealContext, plaintext: bytes) -> bytes:
        """As Sealer promises; OVERHEAD_BYTES longer."""
        if context.purpose == KEYRING_PURPOSE and self._keyring is not None:
            return self._keyring.seal(context, plaintext)
        key_id, public_key = self._key(context)
        return seal_under(key_id, public_key, context, plaintext)

    def prepare(self, contexts: Iterable[SealContext]) -> None:
        """Fetch the keys for all `contexts` at once, as `VersionOpener.prepare` does."""
        wanted: dict[str, dict[wire.Version, None]] = {}
        for context in contexts:
            version = _version_of(context)
            if version.document_version != UNVERSIONED and self._cache.get((context.purpose, version)) is None:
                wanted.setdefault(context.purpose, {})[version] = None
        for purpose, versions in wanted.items():
            for some in _portions(versions):
                self._fetch(purpose, some)

    def _key(self, context: SealContext) -> tuple[bytes, bytes]:
        version = _version_of(context)
        known = self._cache.get((context.purpose, version))
        if known is not None:
            return known
        answer = self._fetch(context.purpose, [version])[0]
        if isinstance(answer, str):
            raise _refusal(answer)
        return answer

    def _fetch(self, purpose: str, versions: Sequence[wire.Version]) -> list[tuple[bytes, bytes] | str]:
        """For each version its key, kept for later, or why there is none."""
        keys: list[tuple[bytes, bytes] | str] = []
        for version, answer in zip(versions, self._source.public_keys(purpose, versions), strict=True):
            if answer.key_id is None or answer.public_key is None:
                keys.append(answer.refused or "")
                continue
            key = bytes.fromhex(answer.key_id), bytes.fromhex(answer.public_key)
            keys.append(key)
            if version.document_version != UNVERSIONED:
                # A key without a version is replaced at each erasure: a record under a destroyed one would be lost.
                self._cache.put((purpose, version), (version.tenant_id, version.document_id), key)
        return keys


class VersionOpener:
    """An Opener with the private keys of its own purposes, fetched in batches and forgotten after a while."""

    def __init__(self, source: PrivateKeySource, clock: Clock, keyring: KeyringOpener | None = None) -> None:
        self._source, self._keyring = source, keyring
        self._cache: KeyCache[tuple[str, wire.KeyName], bytes] = KeyCache(
            clock, count_max=PRIVATE_KEYS_CACHED_MAX, seconds_max=PRIVATE_KEY_SECONDS_MAX
        )

    def open(self, context: SealContext, sealed: bytes) -> bytes:
        """As Opener promises."""
        if sealed[:1] == KEYRING and self._keyring is not None:
            return self._keyring.open(context, sealed)
        name = _name_of(context, sealed)
        key = self._cache.get((context.purpose, name))
        if key is None:
            answer = self._fetch(context.purpose, [name])[0]
            if answer.private_key is None:
                raise _refusal(answer.refused or "")
            key = bytes.fromhex(answer.private_key)
        return open_under(key, context, sealed)

    def prepare(self, blobs: Iterable[Sealed]) -> None:
        """Fetch the keys of all `blobs`, in as few requests as there can be; raises as `open` but for single blobs.

        What has no key is left for `open` to say.
        """
        wanted: dict[str, dict[wire.KeyName, None]] = {}
        for context, sealed in blobs:
            try:
                name = _name_of(context, sealed)
            except Integrity:
                continue
            if self._cache.get((context.purpose, name)) is None:
                wanted.setdefault(context.purpose, {})[name] = None
        for purpose, names in wanted.items():
            for some in _portions(names):
                self._fetch(purpose, some)

    def forget(self, tenant_id: str, document_id: str) -> None:
        """Drop the keys of an erased document from memory."""
        self._cache.forget((tenant_id, document_id))

    def _fetch(self, purpose: str, names: Sequence[wire.KeyName]) -> Sequence[wire.PrivateKey]:
        answers = self._source.private_keys(purpose, names)
        for name, answer in zip(names, answers, strict=True):
            if answer.private_key is not None:
                document = (name.tenant_id, name.document_id)
                self._cache.put((purpose, name), document, bytes.fromhex(answer.private_key))
        return answers


def fetch_ahead(
    opener: VersionOpener, sealer: VersionSealer, needs: Callable[[Event], KeysNeeded]
) -> Callable[[Sequence[Event]], None]:
    """The preparation of a stage: two requests for the keys of a whole batch instead of two for each event."""

    def prepare(events: Sequence[Event]) -> None:
        needed = [needs(each) for each in events]
        opener.prepare(each for keys in needed for each in keys.opens)
        sealer.prepare(each for keys in needed for each in keys.seals)

    return prepare


def _portions(all_of_them: Iterable[Each]) -> Iterator[list[Each]]:
    """As many at a time as one request may ask for."""
    ordered = list(all_of_them)
    for start in range(0, len(ordered), KEYS_PER_REQUEST_MAX):
        yield ordered[start : start + KEYS_PER_REQUEST_MAX]


def _version_of(context: SealContext) -> wire.Version:
    return wire.Version(
        tenant_id=context.tenant_id, document_id=context.document_id, document_version=context.document_version
    )


def _name_of(context: SealContext, sealed: bytes) -> wire.KeyName:
    return wire.KeyName(
        tenant_id=context.tenant_id, document_id=context.document_id, document_version=context.document_version,
        key_id=key_id_of(sealed).hex(),
    )  # fmt: skip


def _refusal(reason: str) -> Erased | InvalidEvent | Integrity:
    if reason == wire.ERASED:
        return Erased(_WORDS[reason])
    if reason == wire.UNKNOWN_TENANT:
        return InvalidEvent(_WORDS[reason], reason_code=reason)
    return Integrity("there is no such key, or it is not this version's", reason_code="SEAL_KEY_MISSING")
