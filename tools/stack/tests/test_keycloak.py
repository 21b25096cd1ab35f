"""Keycloak's built copy: made once, and not run once somebody has changed it. The realm file has no secrets."""

import json
from pathlib import Path

import pytest

from staithe.kernel.errors import Integrity, Unavailable
from staithe.stack.artifacts import KEYCLOAK_LOCK, load_lock
from staithe.stack.keycloak import ensure_built

REALM = json.loads((Path(__file__).parents[3] / "deploy" / "keycloak" / "realm.json").read_text())


class FakeBuild:
    """Adds a file; counts, and fails when told to."""

    def __init__(self) -> None:
        self.builds, self.fails = 0, False

    def __call__(self, built: Path) -> None:
        self.builds += 1
        (built / "generated").write_text("settings")
        if self.fails:
            raise Unavailable("no memory", reason_code="PROGRAM_NOT_BUILT")


@pytest.fixture
def pristine(tmp_path: Path) -> Path:
    folder = tmp_path / "pristine"
    folder.mkdir()
    (folder / "program").write_text("program")
    return folder


def test_copy_is_built_once_and_the_original_left_alone(pristine: Path, tmp_path: Path) -> None:
    build, built = FakeBuild(), tmp_path / "built"
    for _ in range(3):
        ensure_built(pristine, built, build)
    assert build.builds == 1
    assert sorted(path.name for path in built.iterdir()) == ["generated", "program"]
    assert [path.name for path in pristine.iterdir()] == ["program"]


@pytest.mark.parametrize("change", ["program", "generated", "another"])
def test_changed_copy_is_refused_removed_and_built_anew(pristine: Path, tmp_path: Path, change: str) -> None:
    build, built = FakeBuild(), tmp_path / "built"
    ensure_built(pristine, built, build)
    (built / change).write_text("something else")
    with pytest.raises(Integrity):
        ensure_built(pristine, built, build)
    assert not built.exists()
    ensure_built(pristine, built, build)
    assert build.builds == 2


def test_half_a_build_is_not_taken_for_a_whole_one(pristine: Path, tmp_path: Path) -> None:
    build, built = FakeBuild(), tmp_path / "built"
    build.fails = True
    with pytest.raises(Unavailable):
        ensure_built(pristine, built, build)
    build.fails = False
    ensure_built(pristine, built, build)
    assert build.builds == 2


def test_lock_names_one_archive_and_its_tree() -> None:
    lock = load_lock(KEYCLOAK_LOCK)
    assert [each.filename for each in lock.artifacts] == ["keycloak-quarkus-dist-26.7.3.tar.gz"]
    assert len(bytes.fromhex(lock.tree_sha256 or "")) == 32


def test_realm_has_no_people_and_no_secrets() -> None:
    assert [each["username"] for each in REALM["users"] if "serviceAccountClientId" not in each] == []
    assert "credentials" not in json.dumps(REALM["users"])
    assert [each["clientId"] for each in REALM["clients"] if "secret" in each] == []


def test_public_clients_must_use_pkce_and_nobody_sends_passwords() -> None:
    for client in REALM["clients"]:
        assert client["directAccessGrantsEnabled"] is False
        if client["publicClient"]:
            assert client["attributes"]["pkce.code.challenge.method"] == "S256"
            assert client["implicitFlowEnabled"] is False


def test_every_scope_beyond_searching_and_reading_needs_a_role() -> None:
    behind_roles = {each["clientScope"] for each in REALM["scopeMappings"]}
    names = {each["name"] for each in REALM["clientScopes"]}
    assert names - behind_roles == {"identity", "search", "read"}
    roles = {each["name"] for each in REALM["roles"]["realm"]}
    assert {role for each in REALM["scopeMappings"] for role in each["roles"]} == roles
