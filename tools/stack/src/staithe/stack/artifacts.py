"""Third-party programs of the stack: fetched once by coordinates, verified by a committed lock at every start."""

import fcntl
import hashlib
import shutil
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.kernel.errors import Integrity
from staithe.stack.layout import CachePaths, ensure_private_folder
from staithe.stack.limits import DOWNLOADS_IN_PARALLEL, UNPACKED_BYTES_MAX, UNPACKED_FILES_MAX

KAFKA_LOCK: Final = "kafka-4.4.0"
REGISTRY_LOCK: Final = "apicurio-registry-3.3.3"
KEYCLOAK_LOCK: Final = "keycloak-26.7.3"

_LOCKS: Final = Path(__file__).with_name("locks")
_TREE: Final = "tree"

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that have arrived and the bytes expected (0: unknown); from several threads."""


@dataclass(frozen=True)
class Artifact:
    """One file of a Maven repository and the only content we accept for it."""

    group: str
    name: str
    version: str
    extension: str
    classifier: str
    sha256: str

    @property
    def filename(self) -> str:
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{suffix}.{self.extension}"


@dataclass(frozen=True)
class Lock:
    """The committed list of a program's files. `tree_sha256` is the digest of the unpacked folder, for archives."""

    name: str
    artifacts: tuple[Artifact, ...]
    tree_sha256: str | None
    sha256: str


Fetch = Callable[[Artifact, Path, Progress], None]
"""Writes an artifact, unverified, to the given path; raises ConfigurationError when it cannot be had."""


def load_lock(name: str) -> Lock:
    """The committed lock called `name`: lines of `<sha256>  group:name:version[:extension:classifier]`."""
    content = (_LOCKS / f"{name}.sha256").read_bytes()
    artifacts, tree = [], None
    for line in content.decode().splitlines():
        digest, what = line.split()
        if what == _TREE:
            tree = digest
            continue
        group, artifact, version, *rest = what.split(":")
        extension, classifier = rest or ("jar", "")
        artifacts.append(Artifact(group, artifact, version, extension, classifier, digest))
    return Lock(name, tuple(artifacts), tree, hashlib.sha256(content).hexdigest())


def ensure_files(lock: Lock, cache: CachePaths, fetch: Fetch, on_progress: Progress) -> tuple[Path, ...]:
    """The lock's files in the lock's order, fetched in parallel where absent, all verified now.

    Raises Integrity (and removes the file) when a hash differs, ConfigurationError when a file cannot be fetched.
    """
    folder = cache.artifacts / lock.name
    with exclusive(folder), ThreadPoolExecutor(DOWNLOADS_IN_PARALLEL) as pool:
        return tuple(pool.map(lambda artifact: _ensure_file(artifact, folder, fetch, on_progress), lock.artifacts))


def ensure_tree(lock: Lock, cache: CachePaths, fetch: Fetch, on_progress: Progress) -> Path:
    """The unpacked folder of a lock that names one archive, fetched and unpacked where absent, verified now.

    The archive itself is not kept: the digest of the tree is in the lock. Raises as `ensure_files` does.
    """
    folder = cache.artifacts / lock.name
    tree = folder / _TREE
    with exclusive(folder):
        if not tree.exists():
            archive = _ensure_file(lock.artifacts[0], folder, fetch, on_progress)
            unpacking = folder / ".unpacking"
            shutil.rmtree(unpacking, ignore_errors=True)
            unpack(archive, unpacking)
            unpacking.rename(tree)
            archive.unlink()
        if tree_digest(tree) != lock.tree_sha256:
            shutil.rmtree(tree)
            raise Integrity(
                f"the files in {tree} are not those of the lock {lock.name}; removed: start again to fetch them",
                reason_code="ARTIFACT_MISMATCH",
            )
    return tree


def unpack(archive: Path, target: Path) -> None:
    """Unpack a tar archive into the new folder `target`; raises Integrity unless it holds plain files and folders."""
    count = size = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            count, size = count + 1, size + member.size
            if not (member.isfile() or member.isdir()) or count > UNPACKED_FILES_MAX or size > UNPACKED_BYTES_MAX:
                raise Integrity(f"{archive.name} holds more than plain files", reason_code="ARCHIVE_REFUSED")
            try:
                tar.extract(member, target, filter="data")
            except tarfile.FilterError as error:
                raise Integrity(f"{archive.name} writes outside its folder", reason_code="ARCHIVE_REFUSED") from error


def tree_digest(folder: Path) -> str:
    """SHA-256 over the sorted lines `<sha256>  <relative path>` of every file; a link or device makes it differ."""
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    with ThreadPoolExecutor(DOWNLOADS_IN_PARALLEL) as pool:
        digests = pool.map(lambda path: "link" if path.is_symlink() else file_digest(path), paths)
        lines = [
            f"{digest}  {path.relative_to(folder).as_posix()}\n" for digest, path in zip(digests, paths, strict=True)
        ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ensure_file(artifact: Artifact, folder: Path, fetch: Fetch, on_progress: Progress) -> Path:
    path = folder / artifact.filename
    if not path.exists():
        incoming = folder / f".{artifact.filename}.incoming"
        incoming.unlink(missing_ok=True)
        fetch(artifact, incoming, on_progress)
        _verify(artifact, incoming)
        incoming.rename(path)
    else:
        _verify(artifact, path)
    return path


def _verify(artifact: Artifact, path: Path) -> None:
    if file_digest(path) != artifact.sha256:
        path.unlink()
        raise Integrity(
            f"{path} does not have the SHA-256 in the lock; it was removed: start again to fetch it, and if it "
            f"happens twice somebody changes your downloads",
            reason_code="ARTIFACT_MISMATCH",
        )


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """One process at a time fetches or builds into `folder`: two first starts must not mix their halves."""
    ensure_private_folder(folder)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
