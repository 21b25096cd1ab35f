"""A room of keys over a real store and a real key file, and a clock that tests move."""

from dataclasses import dataclass
from pathlib import Path

from staithe.keys.backends.file import FileTenantKeys
from staithe.keys.stage import KeyRoom
from staithe.keys.store import KeyStore
from staithe.keys.wire import KeyName, PublicKey, Version

NOW_MS = 1_790_000_000_000


@dataclass
class FakeClock:
    ms: int = NOW_MS
    seconds: float = 0.0

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.seconds


def make_room(folder: Path) -> KeyRoom:
    room = KeyRoom(KeyStore(folder / "store.sqlite"), FileTenantKeys(folder / "tenants.json"), FakeClock())
    room.ensure_tenants(["harbour", "millrace"])
    return room


def version(number: int = 5, document: str = "leave", tenant: str = "harbour") -> Version:
    return Version(tenant_id=tenant, document_id=document, document_version=number)


def name_of(key: PublicKey, of: Version) -> KeyName:
    assert key.key_id is not None, key.refused
    return KeyName(**of.model_dump(), key_id=key.key_id)
