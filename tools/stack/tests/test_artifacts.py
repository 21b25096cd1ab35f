"""Third-party files: nothing runs whose hash is not the committed one."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.stack import artifacts
from staithe.stack.artifacts import (
    KAFKA_LOCK,
    REGISTRY_LOCK,
    Artifact,
    Lock,
    Progress,
    ensure_files,
    ensure_tree,
    load_lock,
    tree_digest,
    unpack,
)
from staithe.stack.layout import CachePaths

GOOD = b"a program"


class FakeFetch:
    """A repository in memory; counts what was asked of it."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content
        self.fetched: list[str] = []

    def __call__(self, artifact: Artifact, target: Path, on_progress: Progress) -> None:
        self.fetched.append(artifact.filename)
        if artifact.filename not in self.content:
            raise ConfigurationError("no connection", reason_code="ARTIFACT_UNREACHABLE")
        target.write_bytes(self.content[artifact.filename])
        on_progress(artifact.filename, 1, 1)


def quiet(_name: str, _done: int, _total: int) -> None:
    """No progress wanted."""


def artifact_of(name: str, content: bytes, extension: str = "jar") -> Artifact:
    return Artifact("org.example", name, "1.0", extension, "", hashlib.sha256(content).hexdigest())


def lock_of(*entries: Artifact, tree: str | None = None) -> Lock:
    return Lock("example-1.0", entries, tree, "0" * 64)


@pytest.fixture
def cache(tmp_path: Path) -> CachePaths:
    return CachePaths(tmp_path / "cache")


def tar_of(entries: dict[str, bytes], *, link: str | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo("link")
            member.type, member.linkname = tarfile.SYMTYPE, link
            tar.addfile(member)
    return buffer.getvalue()


def test_committed_locks_name_every_file_once_with_a_full_hash() -> None:
    kafka, registry = load_lock(KAFKA_LOCK), load_lock(REGISTRY_LOCK)
    assert len(kafka.artifacts) == 45
    assert len({artifact.filename for artifact in kafka.artifacts}) == 45
    assert all(len(bytes.fromhex(artifact.sha256)) == 32 for artifact in (*kafka.artifacts, *registry.artifacts))
    assert kafka.tree_sha256 is None
    assert registry.artifacts[0].filename == "apicurio-registry-app-3.3.3-all.tar.gz"
    assert registry.tree_sha256 is not None


def test_absent_files_are_fetched_once_and_returned_in_lock_order(cache: CachePaths) -> None:
    lock = lock_of(artifact_of("b", b"2"), artifact_of("a", b"1"))
    fetch = FakeFetch({"a-1.0.jar": b"1", "b-1.0.jar": b"2"})
    assert [path.name for path in ensure_files(lock, cache, fetch, quiet)] == ["b-1.0.jar", "a-1.0.jar"]
    ensure_files(lock, cache, fetch, quiet)
    assert sorted(fetch.fetched) == ["a-1.0.jar", "b-1.0.jar"]


def test_fetched_file_with_another_hash_is_refused_named_and_not_kept(cache: CachePaths) -> None:
    with pytest.raises(Integrity, match=r"a-1\.0\.jar.*start again") as refusal:
        ensure_files(lock_of(artifact_of("a", GOOD)), cache, FakeFetch({"a-1.0.jar": b"another program"}), quiet)
    assert refusal.value.reason_code == "ARTIFACT_MISMATCH"
    assert not list(cache.artifacts.rglob("*.jar*"))


def test_cached_file_changed_later_is_refused_removed_and_fetched_anew(cache: CachePaths) -> None:
    lock, fetch = lock_of(artifact_of("a", GOOD)), FakeFetch({"a-1.0.jar": GOOD})
    (jar,) = ensure_files(lock, cache, fetch, quiet)
    jar.write_bytes(GOOD + b"!")
    with pytest.raises(Integrity):
        ensure_files(lock, cache, fetch, quiet)
    assert not jar.exists()
    (jar,) = ensure_files(lock, cache, fetch, quiet)
    assert jar.read_bytes() == GOOD


def test_half_a_file_of_a_killed_start_is_not_taken_for_the_whole(cache: CachePaths) -> None:
    folder = cache.artifacts / "example-1.0"
    folder.mkdir(parents=True, mode=0o700)
    (folder / ".a-1.0.jar.incoming").write_bytes(GOOD[:3])
    (jar,) = ensure_files(lock_of(artifact_of("a", GOOD)), cache, FakeFetch({"a-1.0.jar": GOOD}), quiet)
    assert jar.read_bytes() == GOOD


def test_unreachable_repository_is_a_configuration_error(cache: CachePaths) -> None:
    with pytest.raises(ConfigurationError):
        ensure_files(lock_of(artifact_of("a", GOOD)), cache, FakeFetch({}), quiet)


def test_tree_is_unpacked_once_verified_and_the_archive_dropped(cache: CachePaths, tmp_path: Path) -> None:
    archive = tar_of({"app/run.jar": GOOD})
    (tmp_path / "same" / "app").mkdir(parents=True)
    (tmp_path / "same" / "app" / "run.jar").write_bytes(GOOD)
    lock = lock_of(artifact_of("a", archive, "tar.gz"), tree=tree_digest(tmp_path / "same"))
    fetch = FakeFetch({"a-1.0.tar.gz": archive})
    tree = ensure_tree(lock, cache, fetch, quiet)
    assert (tree / "app" / "run.jar").read_bytes() == GOOD
    assert ensure_tree(lock, cache, fetch, quiet) == tree
    assert fetch.fetched == ["a-1.0.tar.gz"]
    assert not list(cache.artifacts.rglob("*.tar.gz"))


@pytest.mark.parametrize("change", ["edit", "add", "remove", "link"])
def test_changed_tree_is_refused_and_removed(cache: CachePaths, tmp_path: Path, change: str) -> None:
    archive = tar_of({"app/run.jar": GOOD, "app/other.jar": b"x"})
    (tmp_path / "plain").mkdir()
    (tmp_path / "archive.tar.gz").write_bytes(archive)
    unpack(tmp_path / "archive.tar.gz", tmp_path / "plain")
    lock = lock_of(artifact_of("a", archive, "tar.gz"), tree=tree_digest(tmp_path / "plain"))
    tree = ensure_tree(lock, cache, FakeFetch({"a-1.0.tar.gz": archive}), quiet)
    jar = tree / "app" / "run.jar"
    if change == "add":
        (tree / "app" / "added.jar").write_bytes(b"evil")
    elif change == "edit":
        jar.write_bytes(b"evil")
    else:
        jar.rename(tmp_path / "moved")
    if change == "link":
        jar.symlink_to(tmp_path / "moved")
    with pytest.raises(Integrity) as refusal:
        ensure_tree(lock, cache, FakeFetch({}), quiet)
    assert refusal.value.reason_code == "ARTIFACT_MISMATCH"
    assert not tree.exists()


@pytest.mark.parametrize(
    "archive",
    [
        tar_of({"../escaped": b"x"}),
        tar_of({"a": b"x"}, link="/etc/passwd"),
        tar_of({"a": b"x"}, link="a"),
    ],
    ids=["parent", "link outside", "link inside"],
)
def test_archive_that_is_not_plain_files_is_refused(tmp_path: Path, archive: bytes) -> None:
    (tmp_path / "hostile.tar.gz").write_bytes(archive)
    with pytest.raises(Integrity) as refusal:
        unpack(tmp_path / "hostile.tar.gz", tmp_path / "target")
    assert refusal.value.reason_code == "ARCHIVE_REFUSED"
    assert not (tmp_path / "escaped").exists()


def test_archive_that_unpacks_to_more_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "UNPACKED_BYTES_MAX", 1_000)
    (tmp_path / "bomb.tar.gz").write_bytes(tar_of({"zeros": bytes(1_001)}))
    with pytest.raises(Integrity):
        unpack(tmp_path / "bomb.tar.gz", tmp_path / "target")
    assert not list(tmp_path.glob("target/*"))
