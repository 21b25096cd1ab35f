"""The section about credentials: precision and recall beside detect-secrets and gitleaks, and a clean source tree."""

import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import REFUSED, Bench, mb_a_second
from gitleaks import VERSION, gitleaks, scan
from report import Section, Table

KINDS: Final = frozenset({"SECRET", "PRIVATE_KEY", REFUSED})


@dataclass(frozen=True)
class Credentials:
    """Ours on the samples, None where there were none; findings of ours in the clean tree; and the section."""

    precision: float | None
    recall: float | None
    in_clean_tree: int
    section: Section


def measure(bench: Bench) -> Credentials:
    """gitleaks' own samples where Go is installed, and Python's standard library, which holds no credential."""
    tree = _clean_tree()
    wrong = sum(_count(bench, text) for text in tree)
    notes = [f"Clean tree, the {len(tree):,} files of Python's standard library without its tests: {wrong} credentials found "
             f"by Staithe, at {mb_a_second(bench.find_by_pattern, tree, 1):.1f} MB/s a core"]  # fmt: skip
    rows: list[list[str]] = []
    ours: tuple[float, float] | None = None
    with gitleaks() as theirs:
        samples = theirs.samples
        if samples:
            found = [_count(bench, text) > 0 for text, _ in samples]
            ours = _shares(samples, found)
            rows.append(_row("Staithe", samples, found))
        if samples and bench.peers:
            answers, _ = bench.peer("detect-secrets", [text for text, _ in samples])
            rows.append(_row("detect-secrets", samples, [bool(each) for each in answers]))
        if theirs.program:
            if samples:
                rows.append(
                    _row(f"gitleaks {VERSION}", samples, scan(theirs.program, [text for text, _ in samples])[0])
                )
            _, count, seconds = scan(theirs.program, tree)
            size = sum(len(text.encode()) for text in tree) / 1e6
            notes[0] += f"; {count} by gitleaks, at {size / seconds:.1f} MB/s of processor time"
        notes[0] += "."
        if theirs.why_not:
            notes.append(f"gitleaks is missing in whole or in part: {theirs.why_not}.")
    if samples:
        notes.insert(0, f"Samples: made by gitleaks {VERSION}'s own generator, with which it tests its rules, so it is at home "
                     "here; a sample counts as found when anything in it is. Our rules were written without its rules, and "
                     "widened after their misses on these samples were seen: they are a check of coverage, not held out.")  # fmt: skip
    columns = ("", "credentials", "look-alikes", "precision", "recall")
    section = Section("sanitization-secrets", "Credentials", [Table(columns, rows)] if rows else [], [], notes)
    return Credentials(ours[0] if ours else None, ours[1] if ours else None, wrong, section)


def _clean_tree() -> list[str]:
    library = Path(sysconfig.get_path("stdlib"))
    sources = [
        each for each in sorted(library.rglob("*.py")) if not {"site-packages", "test", "tests"} & set(each.parts)
    ]
    return [each.read_text(errors="replace") for each in sources]


def _count(bench: Bench, text: str) -> int:
    return sum(kind in KINDS for _, _, kind in bench.find_by_pattern(text))


def _shares(samples: Sequence[tuple[str, bool]], found: Sequence[bool]) -> tuple[float, float]:
    right = sum(hit and secret for hit, (_, secret) in zip(found, samples, strict=True))
    return right / max(sum(found), 1), right / max(sum(secret for _, secret in samples), 1)


def _row(name: str, samples: Sequence[tuple[str, bool]], found: Sequence[bool]) -> list[str]:
    total = sum(secret for _, secret in samples)
    precision, recall = _shares(samples, found)
    return [name, str(total), str(len(samples) - total), f"{precision:.3f}", f"{recall:.3f}"]
