"""What we build and what is in it: bills of material, licences, credentials in the tree, wheels that come out alike."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
KEY = "AKIA" + "Q7X3MB2NVT5WJ4KD"


def tool(name: str) -> ModuleType:
    """A program of tools/dev, which is no package."""
    spec = importlib.util.spec_from_file_location(f"dev_{name}", ROOT / "tools" / "dev" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


sbom, secret_scan, wheels = tool("sbom"), tool("secret_scan"), tool("wheels")


def part(name: str, licence: str | None) -> object:
    return sbom.Part(name, "1.0", (), licence)


@pytest.mark.parametrize("licence", ["MIT", "GPL-3.0-only OR MIT", "MIT AND (Apache-2.0 OR GPL-2.0-only)"])
def test_allowed_licence_may_be_in(licence: str) -> None:
    assert sbom.Rules.load().refusal(part("new-package", licence)) == ""


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-only", "LicenseRef-Ours"])
def test_any_other_licence_is_refused_by_name(licence: str) -> None:
    assert licence in sbom.Rules.load().refusal(part("new-package", licence))


def test_package_that_says_nothing_of_its_licence_is_refused() -> None:
    assert "does not say" in sbom.Rules.load().refusal(part("new-package", sbom.UNKNOWN))


def test_exception_holds_for_one_package_only() -> None:
    rules = sbom.Rules.load()
    assert rules.refusal(part("python-stdnum", "LGPL-2.1-or-later")) == ""
    assert rules.refusal(part("new-package", "LGPL-2.1-or-later")) != ""


def test_bill_has_every_locked_package_with_its_hashes_and_validates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sbom, "OUTPUT", tmp_path)
    lock = ROOT / "requirements" / "audit.txt"
    parts = list(sbom.parts(lock, sbom.Rules.load()))
    sbom.write({"audit": [each.component() for each in parts]})
    bill = json.loads((tmp_path / "audit.cdx.json").read_text())
    pins = re.findall(r"^([a-z0-9][\w.-]*)==([^\s;\\]+)", lock.read_text(), re.MULTILINE)
    assert sorted((each["name"], each["version"]) for each in bill["components"]) == sorted(pins)
    assert all(each["hashes"] and each["purl"].startswith("pkg:pypi/") for each in bill["components"])
    hashes = {each["content"] for component in bill["components"] for each in component["hashes"]}
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", lock.read_text()))


def test_same_tree_gives_the_same_bill(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bills = []
    for name in ("first", "second"):
        monkeypatch.setattr(sbom, "OUTPUT", tmp_path / name)
        sbom.write({"stack": list(sbom.jars())})
        bills.append((tmp_path / name / "stack.cdx.json").read_bytes())
    assert bills[0] == bills[1]
    assert b"pkg:maven/org.apache.kafka/" in bills[0]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def test_credential_in_the_tree_is_found_and_never_told(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "notes.md").write_text(f"Our key:\n\naws_access_key_id = {KEY}\n")
    monkeypatch.setattr(secret_scan, "ROOT", repository)
    monkeypatch.setattr(sys, "argv", ["secret_scan.py"])
    assert secret_scan.main() == 1
    told = capsys.readouterr().out
    assert told.startswith("notes.md:3: SECRET")
    assert KEY not in told


def test_what_git_ignores_is_not_ours_to_look_at(repository: Path) -> None:
    (repository / ".gitignore").write_text("local.env\n")
    (repository / "local.env").write_text(f"KEY={KEY}\n")
    (repository / "picture.png").write_bytes(b"\x89PNG\xff" + KEY.encode())
    assert list(secret_scan.look(repository)) == []


def test_file_that_is_too_large_to_look_through_is_refused(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_scan, "FILE_BYTES_MAX", 10)
    (repository / "large.txt").write_text("eleven bytes")
    with pytest.raises(ValueError, match=r"large\.txt"):
        list(secret_scan.look(repository))


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """A tree with one distribution of ours in it."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "libs" / "client", tree / "libs" / "client", ignore=shutil.ignore_patterns("__pycache__"))
    return tree


def test_wheel_comes_out_the_same_from_another_place(distribution: Path, tmp_path: Path) -> None:
    [(name, wheel, same)] = list(wheels.twice(distribution, tmp_path, "1700000000"))
    assert (name, same) == ("client", True)
    assert wheel.name.endswith(".whl")


def test_a_difference_between_two_builds_is_seen(distribution: Path, tmp_path: Path) -> None:
    marked = distribution / "libs" / "client" / "pyproject.toml"
    hook = '\n[tool.hatch.build.targets.wheel.hooks.custom]\npath = "hook.py"\n'
    marked.write_text(marked.read_text() + hook)
    (marked.parent / "hook.py").write_text(
        "import os\nfrom pathlib import Path\n"
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "class Hook(BuildHookInterface):\n"
        "    def initialize(self, version, build_data):\n"
        "        Path('src/staithe/client/where.txt').write_text(os.getcwd())\n"
        "        build_data['artifacts'].append('src/staithe/client/where.txt')\n"
    )
    [(_, _, same)] = list(wheels.twice(distribution, tmp_path, "1700000000"))
    assert not same
