"""What the key service does: give out keys by purpose, destroy a document's secrets, rotate a tenant's key."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from staithe.kernel.clock import Clock
from staithe.kernel.crypto.sealing import KEY_ID_BYTES, public_key_of
from staithe.kernel.errors import Erased, InvalidEvent
from staithe.kernel.events import document_subject
from staithe.kernel.ids import new_event_id
from staithe.kernel.vocabulary import document_id, tenant_id
from staithe.keys.backends import TenantKeys, Wrapped
from staithe.keys.envelope import new_secret, private_key_for
from staithe.keys.limits import REWRAP_ROWS_MAX, SECRETS_CACHED_MAX
from staithe.keys.policy import UNVERSIONED, is_erased
from staithe.keys.store import KeyStore, SecretRow, Tombstone
from staithe.keys.wire import (
    UNKNOWN_KEY,
    UNKNOWN_TENANT,
    KeyName,
    PrivateKey,
    PublicKey,
    Rotated,
    Shredded,
    TermKey,
    Version,
)

TERMS_PURPOSE: Final = "terms"


class KeyRoom:
    """The secrets of every document version; for one thread at a time, and every call may block.

    Every method raises Unavailable when the store or the backend cannot answer.
    """

    def __init__(self, store: KeyStore, tenant_keys: TenantKeys, clock: Clock) -> None:
        self._store, self._tenant_keys, self._clock = store, tenant_keys, clock
        self._secrets: OrderedDict[bytes, bytes] = OrderedDict()

    def ensure_tenants(self, tenants: Sequence[str]) -> int:
        """Make the keys of tenants that have none; how many were made."""
        return sum(self._tenant_keys.ensure(tenant_id(each)) for each in tenants)

    def public_keys(self, purpose: str, versions: Sequence[Version]) -> list[PublicKey]:
        """A key to seal each version with; a version without a secret gets one, durable before it is answered."""
        rows: dict[Version, SecretRow | str] = {}
        made: dict[Version, SecretRow] = {}
        for version in versions:
            if version not in rows:
                row = self._known(version)
                if row is None:
                    row = made[version] = self._make(version)
                rows[version] = row
        if made:
            self._store.add(list(made.values()))
        self._load([row for row in rows.values() if isinstance(row, SecretRow)])
        return [self._public(purpose, rows[each]) for each in versions]

    def private_keys(self, purpose: str, names: Sequence[KeyName]) -> list[PrivateKey]:
        """The key that opens each named one's blobs of this purpose, where it exists and is that version's."""
        found = [self._named(each) for each in names]
        self._load([each for each in found if isinstance(each, SecretRow)])
        return [
            PrivateKey(refused=each) if isinstance(each, str) else PrivateKey(private_key=self._private(purpose, each))
            for each in found
        ]

    def term_key(self, tenant: str) -> TermKey:
        """The key of the tenant's blind index, made when it is first asked for; rotations wrap it anew."""
        if not self._tenant_keys.known(tenant):
            return TermKey(refused=UNKNOWN_TENANT)
        subject = terms_subject(tenant)
        row = self._store.of_version(subject, UNVERSIONED)
        if row is None:
            row = self._make_row(subject, UNVERSIONED, tenant)
            self._store.add([row])
        self._load([row])
        return TermKey(term_key=self._private(TERMS_PURPOSE, row))

    def shred(self, version: Version) -> Shredded:
        """Destroy every secret of the document up to this version, and let none come to be again. Idempotent."""
        subject, now = _subject(version), self._clock.now_ms()
        asked = Tombstone(version.document_version, now, 0, new_event_id(now))
        holds, destroyed = self._store.shred(subject, asked)
        for key_id in destroyed:
            self._secrets.pop(key_id, None)
        return Shredded(
            document_version=holds.document_version, shredded_at=holds.shredded_at, secrets=holds.secrets,
            event_id=holds.event_id,
        )  # fmt: skip

    def begin_rotation(self, tenant: str) -> int:
        """Make a new version of the tenant's key; raises InvalidEvent when there is no such tenant."""
        if not self._tenant_keys.known(tenant):
            raise InvalidEvent("there is no such tenant: run `staithe keys init`", reason_code=UNKNOWN_TENANT)
        return self._tenant_keys.rotate(tenant)

    def rewrap_some(self, tenant: str) -> int:
        """Wrap up to REWRAP_ROWS_MAX secrets under the newest version of the tenant's key; 0 when none were left."""
        newest = self._tenant_keys.newest(tenant)
        rows = self._store.wrapped_before(tenant, newest, REWRAP_ROWS_MAX)
        if rows:
            secrets = self._tenant_keys.unwrap(tenant, [(Wrapped(r.tenant_key, r.wrapped), r.place) for r in rows])
            pairs = [(secret, row.place) for secret, row in zip(secrets, rows, strict=True)]
            wrapped = self._tenant_keys.wrap(tenant, pairs)
            self._store.rewrap([_with(row, each) for row, each in zip(rows, wrapped, strict=True)])
        return len(rows)

    def end_rotation(self, tenant: str, secrets: int) -> Rotated:
        """Destroy the older versions of the tenant's key; call it when `rewrap_some` has found nothing left."""
        newest = self._tenant_keys.newest(tenant)
        self._store.empty_log()
        self._tenant_keys.destroy_before(tenant, newest)
        return Rotated(key_version=newest, secrets=secrets)

    def secrets(self) -> int:
        """How many secrets there are."""
        return self._store.count()

    def _known(self, version: Version) -> SecretRow | str | None:
        try:
            subject = _subject(version)
        except InvalidEvent as error:
            return error.reason_code
        if not self._tenant_keys.known(version.tenant_id):
            return UNKNOWN_TENANT
        tombstone = self._store.tombstone(subject)
        if is_erased(version.document_version, None if tombstone is None else tombstone.document_version):
            return Erased.default_reason_code
        return self._store.of_version(subject, version.document_version)

    def _make(self, version: Version) -> SecretRow:
        return self._make_row(_subject(version), version.document_version, version.tenant_id)

    def _make_row(self, subject: bytes, document_version: int, tenant: str) -> SecretRow:
        secret, key_id = new_secret(), new_secret()[:KEY_ID_BYTES]
        row = SecretRow(key_id, subject, document_version, tenant, 0, b"")
        wrapped = self._tenant_keys.wrap(tenant, [(secret, row.place)])[0]
        self._remember(key_id, secret)
        return _with(row, wrapped)

    def _named(self, name: KeyName) -> SecretRow | str:
        try:
            subject = _subject(name)
        except InvalidEvent as error:
            return error.reason_code
        row = self._store.find(bytes.fromhex(name.key_id))
        if row is not None:
            fits = row.subject == subject and row.document_version == name.document_version
            return row if fits else UNKNOWN_KEY
        tombstone = self._store.tombstone(subject)
        erased = tombstone is not None and name.document_version <= tombstone.document_version
        return Erased.default_reason_code if erased else UNKNOWN_KEY

    def _load(self, rows: Sequence[SecretRow]) -> None:
        """Have the secrets of `rows` in memory: one call to the backend for each tenant."""
        by_tenant: dict[str, list[SecretRow]] = {}
        for row in rows:
            if row.key_id not in self._secrets:
                by_tenant.setdefault(row.tenant_id, []).append(row)
        for tenant, missing in by_tenant.items():
            opened = self._tenant_keys.unwrap(tenant, [(Wrapped(r.tenant_key, r.wrapped), r.place) for r in missing])
            for row, secret in zip(missing, opened, strict=True):
                self._remember(row.key_id, secret)

    def _remember(self, key_id: bytes, secret: bytes) -> None:
        self._secrets[key_id] = secret
        self._secrets.move_to_end(key_id)
        while len(self._secrets) > SECRETS_CACHED_MAX:
            self._secrets.popitem(last=False)

    def _public(self, purpose: str, row: SecretRow | str) -> PublicKey:
        if isinstance(row, str):
            return PublicKey(refused=row)
        public = public_key_of(bytes.fromhex(self._private(purpose, row)))
        return PublicKey(key_id=row.key_id.hex(), public_key=public.hex())

    def _private(self, purpose: str, row: SecretRow) -> str:
        return private_key_for(purpose, secret=self._secrets[row.key_id], key_id=row.key_id).hex()


def terms_subject(tenant: str) -> bytes:
    """What stands in a document's place for the tenant's term key: no document has such a digest."""
    return hashlib.sha256(b"staithe/terms/v1\0" + tenant.encode()).digest()


def _subject(version: Version) -> bytes:
    return document_subject(tenant_id(version.tenant_id), document_id(version.document_id))


def _with(row: SecretRow, wrapped: Wrapped) -> SecretRow:
    return SecretRow(row.key_id, row.subject, row.document_version, row.tenant_id, wrapped.tenant_key, wrapped.blob)
