"""gitleaks as a peer: its own samples as a test set, and the program itself, built from the pinned module.

The module's sum is pinned here, those of what it needs stand in its own go.sum; nothing of it is in the repository.
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODULE: Final = "github.com/zricethezav/gitleaks/v8"
VERSION: Final = "v8.30.1"
SUM: Final = "h1:PmEvCfVI7ti9dV3s5aMZUY7sS2GxRvG3yzih7E+cS3w="
SECONDS_MAX: Final = 900
_RECORDER: Final = """package utils

import (
	"encoding/json"
	"os"

	"github.com/zricethezav/gitleaks/v8/config"
)

var samples, _ = os.OpenFile(os.Getenv("SAMPLES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)

func record(secret bool, texts []string) {
	for _, text := range texts {
		_ = json.NewEncoder(samples).Encode(map[string]any{"secret": secret, "text": text})
	}
}

func values(texts map[string]string) []string {
	found := []string{}
	for _, text := range texts {
		found = append(found, text)
	}
	return found
}

func Validate(rule config.Rule, secrets []string, others []string) *config.Rule {
	record(true, secrets)
	record(false, others)
	return &rule
}

func ValidateWithPaths(rule config.Rule, secrets map[string]string, others map[string]string) *config.Rule {
	return Validate(rule, values(secrets), values(others))
}
"""
"""In the place of the file in which gitleaks checks its rules against its samples: it writes the samples down."""


@dataclass(frozen=True)
class Gitleaks:
    """What could be made of the module here; a part that could not be is empty or None."""

    samples: list[tuple[str, bool]]
    """Texts, and whether gitleaks counts them as a credential."""
    program: Path | None
    why_not: str = ""
    """Why a part is missing, in a few words."""


@contextmanager
def gitleaks() -> Iterator[Gitleaks]:
    """Fetches and builds; the program is gone afterwards."""
    if (go := shutil.which("go")) is None:
        yield Gitleaks([], None, "Go is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="staithe-gitleaks-") as name:
        folder = Path(name)
        (folder / "go.mod").write_text("module samples\n")
        downloaded = _run([go, "mod", "download", "-json", f"{MODULE}@{VERSION}"], folder)
        if downloaded.returncode:
            yield Gitleaks([], None, "the Go module was not to be had")
            return
        module = json.loads(downloaded.stdout)
        if module["Sum"] != SUM:
            raise SystemExit(f"{MODULE}@{VERSION} is not the module that was pinned: {module['Sum']}")
        source = folder / "gitleaks"
        shutil.copytree(module["Dir"], source, copy_function=shutil.copyfile)
        for each in (source, *source.rglob("*")):
            each.chmod(0o700 if each.is_dir() else 0o600)
        program = folder / "program"
        built = _run([go, "build", "-mod=readonly", "-trimpath", "-o", str(program), "."], source)
        samples = _samples(go, source, folder)
        missing = [
            words
            for words, lacks in (("it did not build", built.returncode), ("its generator did not run", not samples))
            if lacks
        ]
        yield Gitleaks(samples, program if not built.returncode else None, ", ".join(missing))


def _samples(go: str, source: Path, folder: Path) -> list[tuple[str, bool]]:
    (source / "cmd/generate/config/utils/validate.go").write_text(_RECORDER)
    written = folder / "samples.jsonl"
    ran = _run([go, "run", ".", str(folder / "rules.toml")], source / "cmd/generate/config", SAMPLES=str(written))
    if ran.returncode:
        return []
    lines = [json.loads(line) for line in written.read_text().splitlines()]
    return [(each["text"], bool(each["secret"])) for each in lines if each["text"]]


def scan(program: Path, texts: Sequence[str]) -> tuple[list[bool], int, float]:
    """In which texts the program finds something, how many findings there are, and its processor time in seconds."""
    with tempfile.TemporaryDirectory(prefix="staithe-gitleaks-") as name:
        folder, report = Path(name) / "texts", Path(name) / "report.json"
        folder.mkdir()
        for index, text in enumerate(texts):
            (folder / f"{index}.txt").write_text(text)
        before = _children_seconds()
        command = [str(program), "dir", str(folder), "--report-format", "json", "--report-path", str(report)]
        ran = _run([*command, "--exit-code", "0", "--no-banner", "--log-level", "error"], folder)
        seconds = _children_seconds() - before
        if ran.returncode or not report.exists():
            raise SystemExit(f"gitleaks ended with {ran.returncode}: {ran.stderr[-300:]}")
        findings = json.loads(report.read_text())
    hits = {int(Path(each["File"]).stem) for each in findings}
    return [index in hits for index in range(len(texts))], len(findings), seconds


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(command: Sequence[str], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
