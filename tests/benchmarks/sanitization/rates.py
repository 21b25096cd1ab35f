"""The section about speed: megabytes a second and core, ours and the peers' on the same texts in the same run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import REPOSITORY, ROUNDS, Bench, is_refused, mb_a_second
from chart import Bars
from report import Section, Table
from speed import hostile, joined, ordinary

from staithe.kernel.vocabulary import Tier
from staithe.sanitization.build import engine_for
from staithe.sanitization.policy import DocumentLabels
from staithe.sanitization.policy_file import load_policy
from staithe.sanitization.pseudonyms import PseudonymKeys

PEER_TEXTS: Final = (60, 30)
"""So many ordinary and dense texts for the peers, which are slow; after a warm-up."""
HOSTILE_ROUNDS: Final = 3


@dataclass(frozen=True)
class Rates:
    """Megabytes a second: of patterns, with names, and of the slowest single hostile text; and against Presidio."""

    patterns: float
    dense: float
    names: float
    hostile: float
    against: dict[str, float]
    section: Section


def measure(bench: Bench, sentences: Sequence[str]) -> Rates:
    """Every way we run, and the peers."""
    plain, dense, attack = ordinary(REPOSITORY), joined(sentences), hostile()
    ways: dict[str, Callable[[str], object]] = {
        "Staithe, patterns, labels and secrets": bench.patterns.find,
        "Staithe, and names": bench.detector.find,
        "Staithe, all of sanitization": _whole(),
    }
    rates = {name: [mb_a_second(way, plain), mb_a_second(way, dense), mb_a_second(way, attack, HOSTILE_ROUNDS)]
             for name, way in ways.items()}  # fmt: skip
    rows = [[name, *(f"{rate:.1f}" for rate in each)] for name, each in rates.items()]
    bars = [(f"{name.removeprefix('Staithe, ')}: {what}", each[at]) for name, each in rates.items()
            for at, what in ((0, "ordinary"), (1, "dense"))]  # fmt: skip
    refused = sum(is_refused(bench.patterns.find, text) for text in attack)
    slowest = min(mb_a_second(bench.patterns.find, [text], 1) for text in attack)
    notes = [
        f"ordinary: {len(plain)} texts of up to 2 KB from the sample documents and pages of this repository; dense: {len(dense)} "
        f"of labelled sentences, each of which holds something; hostile: {len(attack)} floods of look-alikes of 256 KiB, of "
        f"which {refused} were refused (DETECTION_WORK_EXCEEDED) and count with the time until then; the slowest alone "
        f"{slowest:.1f} MB/s.",
        f"Processor time, median of {ROUNDS} rounds, of hostile text {HOSTILE_ROUNDS}, peers once after a warm-up. All of "
        "sanitization: normalising, all detectors, injection scores, policy, rewriting under policies/sanitization.yaml.",
    ]
    patterns, names, _ = rates.values()
    against = {}
    for name in ("presidio", "presidio-spacy") if bench.peers else ():
        theirs = [_peer(bench, name, texts[:most]) for texts, most in zip((plain, dense), PEER_TEXTS, strict=True)]
        rows.append([name, *(f"{rate:.3f}" for rate in theirs), "–"])
        against[name] = (patterns if name == "presidio" else names)[0] / theirs[0]
        notes.append(f"Against {name}: patterns {patterns[0] / theirs[0]:.0f} × ordinary, {patterns[1] / theirs[1]:.0f} × dense; "
                     f"with names {names[0] / theirs[0]:.0f} × and {names[1] / theirs[1]:.0f} ×.")  # fmt: skip
    chart = Bars("megabytes a second, one core", bars, unit="MB/s", digits=1)
    table = Table(("MB/s", "ordinary", "dense", "hostile"), rows)
    section = Section("sanitization-speed", "Speed", [table], [chart], notes)
    return Rates(patterns[0], patterns[1], names[0], patterns[2], against, section)


def _whole() -> Callable[[str], object]:
    engine = engine_for(load_policy(Path(REPOSITORY / "policies" / "sanitization.yaml")), PseudonymKeys.passing())
    labels = DocumentLabels("harbour", tier=Tier.ANALYTICS)
    return lambda text: engine.sanitize(text, labels)


def _peer(bench: Bench, name: str, texts: Sequence[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6 / bench.peer(name, texts)[1]
