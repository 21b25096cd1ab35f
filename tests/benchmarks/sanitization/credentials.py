"""The samples that gitleaks tests its own rules with, made by its own code: credentials, and what looks like some."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

MODULE: Final = "github.com/zricethezav/gitleaks/v8"
VERSION: Final = "v8.30.1"
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


def read_samples() -> list[tuple[str, bool]]:
    """Texts, and whether gitleaks counts them as a credential; empty where Go or the module is not to be had."""
    if (go := shutil.which("go")) is None:
        return []
    with tempfile.TemporaryDirectory(prefix="staithe-gitleaks-") as name:
        folder = Path(name)
        (folder / "go.mod").write_text("module samples\n")
        downloaded = subprocess.run(
            [go, "mod", "download", "-json", f"{MODULE}@{VERSION}"], cwd=folder, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        if downloaded.returncode:
            return []
        source = folder / "gitleaks"
        shutil.copytree(json.loads(downloaded.stdout)["Dir"], source, copy_function=shutil.copyfile)
        for each in (source, *source.rglob("*")):
            each.chmod(0o700 if each.is_dir() else 0o600)
        (source / "cmd/generate/config/utils/validate.go").write_text(_RECORDER)
        written = folder / "samples.jsonl"
        ran = subprocess.run(
            [go, "run", ".", str(folder / "rules.toml")], cwd=source / "cmd/generate/config", capture_output=True,
            env={**os.environ, "SAMPLES": str(written)}, timeout=600, check=False,
        )  # fmt: skip
        if ran.returncode:
            return []
        lines = [json.loads(line) for line in written.read_text().splitlines()]
    return [(each["text"], bool(each["secret"])) for each in lines if each["text"]]
