"""Rooms, sizes, docstrings, metric names and purity of every source file; each rule is shown to refuse."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("staithe_rules", Path(__file__).parent / "rules.py")
assert _SPEC is not None
assert _SPEC.loader is not None
rules = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(rules)

ROOT = rules.ROOT
SOURCES = rules.sources()


def _all(rule: str) -> dict[str, list[str]]:
    check = getattr(rules, rule)
    found = {str(path.relative_to(ROOT)): check(path.read_text()) for path in SOURCES}
    return {path: faults for path, faults in found.items() if faults}


def _tracked() -> list[Path]:
    """Files that git tracks or would track, as text."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def test_there_are_sources_to_check() -> None:
    assert {rules.module_name(path).split(".")[1] for path in SOURCES} >= {"kernel", "vectors", "query", "stack"}


def test_vendors_are_imported_in_their_rooms_only() -> None:
    found = {
        rules.module_name(path): rules.outside_rooms(path.read_text(), rules.module_name(path)) for path in SOURCES
    }
    assert {module: vendors for module, vendors in found.items() if vendors} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import confluent_kafka",
        "from cryptography.hazmat.primitives import hashes",
        "def late():\n    import pymilvus.client",
        "import importlib\nimportlib.import_module('onnxruntime')",
        "__import__('fastavro')",
    ],
)
def test_vendor_outside_its_room_is_refused(text: str) -> None:
    assert rules.outside_rooms(text, "staithe.query.stage")


def test_room_is_a_name_not_a_prefix_of_one() -> None:
    assert rules.outside_rooms("import fastavro", "staithe.kernel.codecs") == ["fastavro"]
    assert rules.outside_rooms("import fastavro", "staithe.kernel.codec") == []


def test_files_and_functions_fit_a_screen() -> None:
    assert _all("too_long") == {}


def test_long_file_and_long_function_are_refused() -> None:
    assert rules.too_long("x = 1\n" * 301) == ["file of 301 lines"]
    assert rules.too_long("def f():\n" + "    x = 1\n" * 60) == ["f: 61 lines"]
    assert rules.too_long("def f():\n" + "    x = 1\n" * 59) == []


def test_kernel_stays_small() -> None:
    lines = sum(rules.code_lines(path.read_text()) for path in SOURCES if "libs/kernel" in path.as_posix())
    assert 0 < lines <= rules.KERNEL_LINES_MAX


def test_only_code_counts_as_code() -> None:
    assert rules.code_lines('"""doc\nstring"""\n\n# comment\nx = (\n    1\n)\n') == 3


def test_public_names_say_what_they_promise() -> None:
    assert _all("without_docstring") == {}


@pytest.mark.parametrize(
    "text", ["x = 1", '"""m"""\ndef f(): ...', '"""m"""\nclass C:\n    x = 1', '"""m"""\nasync def f(): ...']
)
def test_missing_docstring_is_refused(text: str) -> None:
    assert rules.without_docstring(text)


def test_every_metric_is_ours_by_name() -> None:
    assert _all("wrong_metrics") == {}


def test_metrics_of_a_service_begin_with_our_name_and_its() -> None:
    from staithe.kernel.telemetry import Metrics  # noqa: PLC0415

    families = [family.name for family in Metrics("query").registry.collect()]
    assert families
    assert all(name.startswith("staithe_query_") for name in families)


@pytest.mark.parametrize(
    "text", ["Counter('events_total', 'x')", "metrics.Gauge('lag', 'x')", "Histogram(f'{service}_seconds', 'x')"]
)
def test_metric_without_our_prefix_is_refused(text: str) -> None:
    assert rules.wrong_metrics(text)


def test_policies_are_pure() -> None:
    policies = [path for path in SOURCES if path.name == "policy.py" or "policy" in path.relative_to(ROOT).parts]
    found = {str(path.relative_to(ROOT)): rules.impure_imports(path.read_text()) for path in policies}
    assert {path: modules for path, modules in found.items() if modules} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from pathlib import Path",
        "def f():\n    import random",
        "import os.path",
        "import uuid\nuuid.uuid4()",
    ],
)
def test_impure_policy_is_refused(text: str) -> None:
    assert rules.impure_imports(text)


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {}
    for path in _tracked():
        if path.is_relative_to(ROOT / "tests" / "architecture"):
            continue  # the rules themselves
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if faults := rules.forbidden_text(text):
            found[str(path.relative_to(ROOT))] = faults[:3]
    assert found == {}


@pytest.mark.parametrize(
    "text",
    ["cd /work/main", "see shared/DESIGN.md", "--index-url x", "/root/x", "https://pypi.org/simple", "/home/me/x"],
)
def test_machine_path_or_registry_is_refused(text: str) -> None:
    assert rules.forbidden_text(text)


def test_no_secret_lies_in_the_repository() -> None:
    private = [path for path in _tracked() if path.suffix in {".key", ".p12", ".jks"} or path.name == ".env"]
    assert private == []


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name[:4].isdigit()]
    assert sorted(numbers) == sorted(set(numbers))
