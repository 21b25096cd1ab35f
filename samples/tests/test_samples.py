"""The corpus checker passes the corpus, and catches each kind of planted fault."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[1]


def run_check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SAMPLES / "check.py"), "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "samples"
    shutil.copytree(SAMPLES, root, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    return root


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_committed_corpus_has_no_faults() -> None:
    result = run_check(SAMPLES)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("harbour/policies/leave-policy.md", "27 days", "twenty-seven", "answer_contains is not in"),
        ("harbour/policies/leave-policy.md", "27 days", "28 days", "update of harbour-leave-policy"),
        ("manifest.yaml", "tier: 2", "tier: 4", "tier is wrong"),
        ("manifest.yaml", "tier: 1", "tier: 3", "the caller may not see"),
        ("manifest.yaml", "harbour-courier-agreement", "harbour-leave-policy", "in the manifest 2 times"),
        ("manifest.yaml", "harbour/faq/it-helpdesk-faq.md", "harbour/faq/gone.md", "does not exist"),
        ("manifest.yaml", "groups: [hr]", "groups: []\n    grops: [hr]", "missing or unknown"),
        ("sources/harbour/policies/expenses-policy.docx.md", "42 pence", "43 pence", "stale: expenses-policy.docx"),
        ("harbour/mails/payroll-bank-change.eml", "GB07", "GB08", "an IBAN with a wrong checksum"),
        ("harbour/mails/card-number-by-mail.eml", "4111 1111", "4111 1112", "not a known test number"),
        ("harbour/mails/phishing-warning.eml", "01632 960144", "01633 412144", "reserved for fiction"),
        ("millrace/mails/school-visit.eml", "millrace.example.org", "millrace.coop", "outside the example"),
        ("millrace/meetings/2026-01-20-board.md", "## 7. Dates", "## 7. Gull-Feather-9931 95 bar", "also be seen"),
    ],
)
def test_planted_fault_is_caught(copy: Path, file: str, old: str, new: str, fault: str) -> None:
    replace(copy / file, old, new)
    result = run_check(copy)
    assert result.returncode == 1
    assert fault in result.stdout, result.stdout + result.stderr


def test_unlisted_file_is_caught(copy: Path) -> None:
    (copy / "harbour" / "stray.txt").write_text("not in the list", encoding="utf-8")
    result = run_check(copy)
    assert result.returncode == 1
    assert "harbour/stray.txt is not in the manifest" in result.stdout


def test_build_check_refuses_a_changed_binary(copy: Path) -> None:
    target = copy / "harbour" / "contracts" / "timber-supply-agreement.pdf"
    target.write_bytes(target.read_bytes() + b"%")
    command = [sys.executable, str(copy / "build.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert "stale: samples/harbour/contracts/timber-supply-agreement.pdf" in result.stdout


def test_every_docx_is_a_sound_archive() -> None:
    files = sorted(SAMPLES.rglob("*.docx"))
    assert files
    for file in files:
        with zipfile.ZipFile(file) as archive:
            assert archive.testzip() is None
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
