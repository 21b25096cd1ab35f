"""Who imports whom (import-linter), and that importing does nothing."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("staithe_rules", Path(__file__).parent / "rules.py")
assert _SPEC is not None
assert _SPEC.loader is not None
rules = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(rules)

ROOT = rules.ROOT
PACKAGES = sorted({".".join(rules.module_name(path).split(".")[:2]) for path in rules.sources()})
IMPORT_SECONDS_MAX = 120

WATCHER = Path(__file__).parent / "watcher.py"


def _effects_of_importing(modules: list[str], folder: Path, *paths: Path) -> dict[str, list[str]]:
    sources = {str(path) for area in ("libs", "services", "tools") for path in ROOT.glob(f"{area}/*/src")}
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([*map(str, paths), *sorted(sources)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-W", "ignore", str(WATCHER), *modules]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=IMPORT_SECONDS_MAX
    )
    assert done.returncode == 0, done.stderr[-2000:]
    effects: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    planted = folder / "planted"
    left = [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_relative_to(planted)]
    return effects | ({"files left behind": left} if left else {})


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are read from /proc")
@pytest.mark.parametrize("package", PACKAGES)
def test_importing_has_no_effect(package: str, tmp_path: Path) -> None:
    modules = [name for path in rules.sources() if (name := rules.module_name(path)).startswith(f"{package}.")]
    assert _effects_of_importing([package, *modules], tmp_path) == {}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are read from /proc")
@pytest.mark.parametrize(
    ("text", "effect"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "threads",
        ),
        ("import os\nos.environ['PLANTED'] = '1'", "environment changed"),
        ("import socket\ns = socket.socket()", "open files changed"),
        ("import pathlib\npathlib.Path('left').write_text('x')", "open for writing"),
        ("import subprocess\nsubprocess.run(['true'])", "subprocess.Popen"),
        ("raise ValueError('no')", "cannot be imported"),
    ],
)
def test_import_with_an_effect_is_refused(text: str, effect: str, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "planted_module.py").write_text(text)
    effects = _effects_of_importing(["planted_module"], tmp_path, planted)
    assert any(effect in each for each in effects["planted_module"])


def _lint_imports(root: Path, sources: list[Path]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))}
    command = [str(Path(sys.executable).parent / "lint-imports"), "--config", str(root / ".importlinter"), "--no-cache"]
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=IMPORT_SECONDS_MAX
    )


def _source_roots(root: Path) -> list[Path]:
    return sorted(path for area in ("libs", "services", "tools") for path in root.glob(f"{area}/*/src"))


def test_import_rules_are_kept() -> None:
    done = _lint_imports(ROOT, _source_roots(ROOT))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("services/query/src/staithe/query/planted.py", "import staithe.audit"),
        ("services/query/src/staithe/query/planted.py", "import staithe.stack"),
        ("libs/kernel/src/staithe/kernel/planted.py", "import staithe.vectors"),
        ("libs/vectors/src/staithe/vectors/planted.py", "import staithe.embedding"),
        ("tools/stack/src/staithe/stack/planted.py", "import staithe.cli"),
        ("services/query/src/staithe/query/policy.py", "import staithe.query.app"),
    ],
)
def test_forbidden_import_is_refused(module: str, text: str, tmp_path: Path) -> None:
    """On a skeleton of the tree, so that the planted line is the only import there is."""
    for package in PACKAGES:
        (source,) = [path for path in ROOT.glob(f"*/*/src/{package.replace('.', '/')}") if path.is_dir()]
        folder = tmp_path / source.relative_to(ROOT)
        folder.mkdir(parents=True)
        for name in ("__init__", "__main__", "app", "http", "stage", "policy", "store", "backends"):
            (folder / f"{name}.py").write_text("")
    shutil.copy(ROOT / ".importlinter", tmp_path)
    assert _lint_imports(tmp_path, _source_roots(tmp_path)).returncode == 0
    (tmp_path / module).write_text(text + "\n")
    done = _lint_imports(tmp_path, _source_roots(tmp_path))
    assert done.returncode != 0
    assert "BROKEN" in done.stdout
