"""The object store of large documents: sealed bytes under names that tell nothing, by fsspec (file, S3, GCS, Azure).

An object is written once, whole, and never changed. Its name follows from the event that claims it, so that no event
can point at another document's object.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import fsspec
import obstore.fsspec
from fsspec.spec import AbstractFileSystem

from staithe.kernel.errors import ConfigurationError, InvalidEvent, Unavailable
from staithe.kernel.events import ContentClaim, DocumentSubmitted, document_subject
from staithe.kernel.files import read_secret
from staithe.kernel.vocabulary import TenantId, document_id, tenant_id

_NAME: Final = re.compile(r"([a-z0-9-]{1,63})/([0-9a-f]{64})/([0-9]{16})-([0-9a-f]{64})")
PROTOCOLS: Final = ("s3", "gs", "abfs")
REMOTE: Final = tuple(f"{protocol}:" for protocol in PROTOCOLS)
CALL_SECONDS_MAX: Final = 60
"""One request; 32 MiB at 4.5 Mbit/s."""
RETRIES_MAX: Final = 2
"""Within one call; whoever called retries, or tells the client to."""
_WRITTEN: Final = ("mtime", "last_modified", "LastModified", "updated", "created")
_PARTIAL: Final = ".partial"
"""An upload that died half-way leaves such a file on a local disk; it ages out like any other object."""
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ObjectName:
    """Where the content of one submission lies: `<tenant>/<document's digest>/<version>-<event's digest>`."""

    tenant_id: TenantId
    subject: bytes
    document_version: int
    event_digest: bytes

    @classmethod
    def of(cls, event: DocumentSubmitted) -> "ObjectName":
        """The name of the object that `event` claims; raises InvalidEvent for malformed ids."""
        tenant, document = tenant_id(event.tenant_id), document_id(event.document_id)
        digest = hashlib.sha256(event.event_id.encode()).digest()
        return cls(tenant, document_subject(tenant, document), event.document_version, digest)

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.subject.hex()}/{self.document_version:016d}-{self.event_digest.hex()}"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as a listing shows it; `name` is None for what we did not name, or did not finish."""

    path: str
    name: ObjectName | None
    modified_ms: int


@dataclass(frozen=True, slots=True)
class ObjectsAddress:
    """Where objects are: `file:///folder`, or a bucket such as `s3://bucket/prefix`, with how to reach it."""

    url: str
    endpoint: str = ""
    region: str = ""
    ca_file: Path | None = None
    credentials_file: Path | None = None

    def options(self) -> dict[str, Any]:
        """What the file system of the URL takes; raises ConfigurationError when a file is not what it should be."""
        if not self.url.startswith(REMOTE):
            return {}
        config = {"endpoint": self.endpoint, "region": self.region}
        if self.credentials_file is not None:
            config["access_key_id"], config["secret_access_key"] = _credentials(self.credentials_file)
        client = {"timeout": f"{CALL_SECONDS_MAX} s"}
        if self.ca_file is not None:
            client["root_certificate"] = self.ca_file.read_text()
        return {
            "config": {name: value for name, value in config.items() if value}, "client_options": client,
            "retry_config": {"max_retries": RETRIES_MAX}, "skip_instance_cache": True,
        }  # fmt: skip


class ObjectStore:
    """Objects under one address. Every call blocks and raises Unavailable when the store cannot do it now."""

    def __init__(self, filesystem: AbstractFileSystem, root: str) -> None:
        self._files, self._root = filesystem, root.rstrip("/")

    @classmethod
    def at(cls, address: "ObjectsAddress") -> "ObjectStore":
        """The store at an address; a bucket must exist, and is first asked when it is needed.

        Raises ConfigurationError when a folder cannot be used, or what reads such URLs is not installed.
        """
        url = address.url
        try:
            obstore.fsspec.register(list(PROTOCOLS))
            filesystem, root = fsspec.core.url_to_fs(url, **address.options())
            if _is_local(filesystem):
                filesystem.makedirs(root, exist_ok=True)
                filesystem.ls(root)
        except (ImportError, ValueError, OSError) as error:
            raise ConfigurationError(
                f"the object store {url} cannot be used ({type(error).__name__}): see STAITHE_INGESTION_OBJECTS_URL",
                reason_code="OBJECTS_UNUSABLE",
            ) from error
        return cls(filesystem, root)

    def put(self, event: DocumentSubmitted, sealed: bytes) -> ContentClaim:
        """Store `sealed` for `event`; afterwards it survives a crash. What the event must carry to claim it."""
        path = f"{self._root}/{ObjectName.of(event)}"
        _reachable(lambda: self._write(path, sealed))
        return ContentClaim(sealed_bytes=len(sealed), sealed_sha256=hashlib.sha256(sealed).digest())

    def get(self, event: DocumentSubmitted) -> bytes:
        """What `event` claims; raises InvalidEvent CLAIM_MISSING or CLAIM_BROKEN when that is not there as it was."""
        assert event.claim is not None  # noqa: S101 - the caller has looked
        claim, path = event.claim, f"{self._root}/{ObjectName.of(event)}"
        try:
            # The size first: whoever can write to the store must not make us read without end.
            size = _reachable(lambda: self._files.info(path)["size"])
            sealed = _reachable(lambda: self._files.cat_file(path)) if size == claim.sealed_bytes else b""
        except FileNotFoundError as error:
            raise InvalidEvent(
                "the object of this document is gone: publish it again", reason_code="CLAIM_MISSING"
            ) from error
        if len(sealed) != claim.sealed_bytes or hashlib.sha256(sealed).digest() != claim.sealed_sha256:
            raise InvalidEvent("the object is not the one that was claimed", reason_code="CLAIM_BROKEN")
        return bytes(sealed)

    def listing(self) -> Iterator[StoredObject]:
        """Every object that is there."""
        # Never from memory: another replica may have written or removed some.
        self._files.invalidate_cache()
        found: dict[str, dict[str, Any]] = _reachable(lambda: self._files.find(self._root, detail=True))
        for path, entry in found.items():
            modified_ms = self._written(path, entry)
            if modified_ms is not None:
                yield StoredObject(path, _parsed(path[len(self._root) + 1 :]), modified_ms)

    def _written(self, path: str, entry: dict[str, Any]) -> int | None:
        """When the object was written, or None when it is gone by now; raises Unavailable when nobody says.

        An object of unknown age must not be taken for an old one.
        """
        try:
            modified_ms = _modified_ms(entry) or _modified_ms(_reachable(lambda: self._files.info(path)))
        except FileNotFoundError:
            return None
        if modified_ms is None:
            raise Unavailable("the object store does not say how old an object is", reason_code="OBJECTS_UNAVAILABLE")
        return modified_ms

    def delete(self, stored: StoredObject) -> None:
        """Remove an object; it may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            _reachable(lambda: self._files.rm_file(stored.path))

    def _write(self, path: str, sealed: bytes) -> None:
        if not _is_local(self._files):
            self._files.pipe_file(path, sealed)  # Whole or not at all, and durable once answered.
            return
        place, partial = Path(path), Path(path + _PARTIAL)
        self._files.makedirs(str(place.parent), exist_ok=True)
        with self._files.open(str(partial), "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(place)
        directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _credentials(path: Path) -> tuple[str, str]:
    lines = read_secret(path).decode(errors="replace").split()
    if len(lines) != 2:
        raise ConfigurationError(
            f"{path} must hold two lines, access key id and secret", reason_code="OBJECTS_CREDENTIALS"
        )
    return lines[0], lines[1]


def _is_local(filesystem: AbstractFileSystem) -> bool:
    return "file" in ((filesystem.protocol,) if isinstance(filesystem.protocol, str) else filesystem.protocol)


def _parsed(name: str) -> ObjectName | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    tenant, subject, version, event = match.groups()
    return ObjectName(TenantId(tenant), bytes.fromhex(subject), int(version), bytes.fromhex(event))


def _modified_ms(entry: dict[str, Any]) -> int | None:
    """When an object was written, as each store words it; None when the entry does not say."""
    when = next((entry[each] for each in _WRITTEN if entry.get(each) is not None), None)
    if when is None:
        return None
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    return int((when.timestamp() if isinstance(when, datetime) else float(when)) * 1000)


def _reachable(call: Callable[[], Answer]) -> Answer:
    """What `call` returns; raises FileNotFoundError as it is, and Unavailable for every other failure of the store."""
    try:
        return call()
    except FileNotFoundError:
        raise
    except Exception as error:
        raise Unavailable(
            f"the object store does not answer ({type(error).__name__})", reason_code="OBJECTS_UNAVAILABLE"
        ) from error
