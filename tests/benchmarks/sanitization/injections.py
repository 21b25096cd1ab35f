"""The section about prompt injections: how many attacks are seen, and how many harmless texts pass."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import REPOSITORY, Bench
from chart import Bars
from report import Section, Table

from staithe.sanitization.detect.injection import HOLD_SCORE

OWN: Final = REPOSITORY / "tests" / "benchmarks" / "injection"
FOREIGN: Final = "bastioncorpus/corpus/injections.jsonl"
"""Of the package bastioncorpus (MIT), which is installed among the peers."""


@dataclass(frozen=True)
class Shares:
    """Attacks and harmless texts of one set, and the shares that were seen and that passed."""

    name: str
    attacks: int
    harmless: int
    recall: float
    benign_pass: float

    def row(self) -> list[str]:
        """Its line in the table."""
        return [self.name, str(self.attacks), str(self.harmless), f"{self.recall:.3f}", f"{self.benign_pass:.3f}"]


def measure(bench: Bench, ordinary: list[str]) -> tuple[list[Shares], Section]:
    """Our own set, the foreign one where it is installed, and ordinary documents, none of which is an attack."""
    sets = [_shares(bench, "ours, written by those who wrote the rules", _lines("attacks"), _lines("benign"))]
    if path := bench.file_of_peers(FOREIGN):
        sets.append(_shares(bench, "bastioncorpus 0.6.0, held out", *_foreign(path)))
    held = sum(bench.injections.score(text) >= HOLD_SCORE for text in ordinary)
    notes = [
        f"A text is held from a score of {HOLD_SCORE} on. Recall: the share of attacks that are; benign pass: the share of "
        "harmless look-alikes that are not.",
        "Ours: written for this project, partly after the rules, so its figures flatter; bastioncorpus (MIT): attacks and "
        "look-alikes by others, in five languages; nothing was tuned on it.",
        f"{held} of {len(ordinary)} ordinary texts of up to 2 KB (sample documents and pages of this repository) are held.",
    ]
    if len(sets) == 1:
        notes.append("bastioncorpus was not installed in this run, so nothing here is held out.")
    table = Table(("set", "attacks", "harmless", "recall", "benign pass"), [each.row() for each in sets])
    bars = [(f"{'ours' if each is sets[0] else 'held out'}: {what}", value) for each in sets
            for what, value in (("recall", each.recall), ("benign pass", each.benign_pass))]  # fmt: skip
    chart = Bars("share", bars, full=1.0, target=0.95, digits=3)
    return sets, Section("sanitization-injection", "Prompt injections", [table], [chart], notes)


def _shares(bench: Bench, name: str, attacks: list[str], harmless: list[str]) -> Shares:
    seen = sum(bench.injections.score(text) >= HOLD_SCORE for text in attacks)
    passed = sum(bench.injections.score(text) < HOLD_SCORE for text in harmless)
    return Shares(name, len(attacks), len(harmless), seen / max(len(attacks), 1), passed / max(len(harmless), 1))


def _lines(stem: str) -> list[str]:
    return [line for line in (OWN / f"{stem}.txt").read_text().splitlines() if line.strip()]


def _foreign(path: Path) -> tuple[list[str], list[str]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return (
        [str(each["text"]) for each in rows if each["label"] == "malicious"],
        [str(each["text"]) for each in rows if each["label"] == "benign"],
    )
