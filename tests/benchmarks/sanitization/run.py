"""`make bench-sanitization DATA=…`: how well and how fast detection finds, beside its peers; writes docs/sanitization.md.

    python tests/benchmarks/sanitization/run.py --data presidio_synth_v2.json --peers ENVIRONMENT [--print-only]

The labelled data is presidio-research's synthetic set, version 2 (MIT); it is read from where you have it and is not
part of this repository. Without it only the set made by code is measured. Nothing is asserted about time.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
REPOSITORY: Final = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent)]  # for the modules beside this one and those of the other benchmarks

from chart import Bars  # noqa: E402
from credentials import VERSION, read_samples  # noqa: E402
from generated import generate  # noqa: E402
from labelled import OTHER_KINDS, PATTERN_KINDS, Labelled, Score, Span, read_synth, score  # noqa: E402
from measure import machine, median, revision  # noqa: E402
from report import Section, Table, markdown, show  # noqa: E402
from rich.console import Console  # noqa: E402
from speed import hostile, joined, ordinary  # noqa: E402

from staithe.kernel.errors import InvalidEvent  # noqa: E402
from staithe.sanitization.detect import Detector  # noqa: E402

PAGE: Final = REPOSITORY / "docs" / "sanitization.md"
BEGIN: Final = "<!-- figures: written by `make bench-sanitization`; do not edit -->"
END: Final = "<!-- figures end -->"
ROUNDS: Final = 5
CREDENTIALS: Final = ("SECRET", "PRIVATE_KEY")


class Bench:
    """One run: our detector without names, and the peers that are installed."""

    def __init__(self, peers: Path | None) -> None:
        self.detector = Detector(names=False)
        self.peers = peers

    def find(self, text: str) -> list[Span]:
        return [(each.start, each.end, each.entity) for each in self.detector.find(text)]

    def peer(self, name: str, texts: Sequence[str]) -> tuple[list[list[Span]], float]:
        """What a peer finds, and its processor time in seconds."""
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        command = [str(self.peers / "bin" / "python"), str(HERE / "peer.py"), name] if self.peers else []
        ran = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=1_800, check=True)
        answer: dict[str, Any] = json.loads(ran.stdout)
        return [[tuple(span) for span in spans] for spans in answer["found"]], float(answer["seconds"])

    def mb_a_second(self, texts: Sequence[str]) -> float:
        """Megabytes a second of processor time; a text that is refused counts with the time until then."""
        size, times = sum(len(text.encode()) for text in texts) / 1e6, []
        for _ in range(ROUNDS):
            started = time.process_time()
            for text in texts:
                _refused(self.find, text)
            times.append(time.process_time() - started)
        return size / median(times)


def _refused(find: Callable[[str], object], text: str) -> bool:
    try:
        find(text)
    except InvalidEvent:
        return True
    return False


def entities(bench: Bench, labelled: Labelled, slug: str, title: str, notes: list[str]) -> Section:
    """Precision, recall, F1, leak and over-masking by kind, and the peers' F1 over the pattern kinds."""
    found = [bench.find(text) for text in labelled.texts]
    kinds = (*PATTERN_KINDS, *OTHER_KINDS)
    scores = {kind: each for kind, each in score(labelled, found, kinds).items() if each.right + each.missed}
    total = sum((scores[kind] for kind in PATTERN_KINDS if kind in scores), Score())
    rows = [_row(kind, each) for kind, each in scores.items()]
    rows.append(_row("**pattern kinds together**", total))
    systems = [("Staithe", total.f1)]
    for name in ("presidio", "presidio-spacy") if bench.peers else ():
        answers, _ = bench.peer(name, labelled.texts)
        theirs = sum(score(labelled, answers, PATTERN_KINDS).values(), Score())
        rows.append(_row(f"{name}: pattern kinds together", theirs))
        systems.append((name, theirs.f1))
    columns = ("kind", "labels", "precision", "recall", "F1", "leak", "over-masking")
    chart = Bars("F1, e-mail, phone, card, IBAN, national id, IP, URL together", systems, full=1.0, digits=3)
    return Section(slug, title, [Table(columns, rows)], [chart], notes)


def _row(name: str, each: Score) -> list[str]:
    figures = [f"{each.precision:.3f}", f"{each.recall:.3f}", f"{each.f1:.3f}"]
    return [name, str(each.right + each.missed), *figures, f"{each.leak:.1%}", f"{each.over_masking:.1%}"]


def secrets(bench: Bench) -> Section:
    """Credentials on gitleaks' own samples, and findings in source text that has none."""
    rows = []
    if samples := read_samples():
        ours = [any(kind in CREDENTIALS for _, _, kind in _safe(bench, text)) for text, _ in samples]
        rows.append(_samples_row("Staithe", samples, ours))
        if bench.peers:
            answers, _ = bench.peer("detect-secrets", [text for text, _ in samples])
            rows.append(_samples_row("detect-secrets", samples, [bool(each) for each in answers]))
    library = Path(sysconfig.get_path("stdlib"))
    sources = [each for each in library.rglob("*.py") if not {"site-packages", "test", "tests"} & set(each.parts)]
    texts = [each.read_text(errors="replace") for each in sources]
    wrong = sum(kind in CREDENTIALS for text in texts for _, _, kind in _safe(bench, text))
    notes = [
        f"Samples: made by gitleaks {VERSION}'s own generator, with which it tests its rules; a sample counts as found when "
        "anything in it is. Our rules were written without its rules, and widened after their misses on these samples were "
        "seen: they are a check of coverage, not held out. gitleaks itself passes all of them by construction.",
        f"{wrong} credentials found in the {len(sources):,} files of Python's standard library without its tests.",
    ]
    columns = ("", "credentials", "look-alikes", "precision", "recall")
    return Section("sanitization-secrets", "Credentials", [Table(columns, rows)] if rows else [], [], notes)


def _safe(bench: Bench, text: str) -> list[Span]:
    try:
        return bench.find(text)
    except InvalidEvent:
        return [(0, len(text), "REFUSED")]


def _samples_row(name: str, samples: Sequence[tuple[str, bool]], found: Sequence[bool]) -> list[str]:
    right = sum(hit and secret for hit, (_, secret) in zip(found, samples, strict=True))
    total, all_found = sum(secret for _, secret in samples), sum(found)
    counts = [str(total), str(len(samples) - total)]
    return [name, *counts, f"{right / max(all_found, 1):.3f}", f"{right / max(total, 1):.3f}"]


def speeds(bench: Bench, dense: Sequence[str]) -> Section:
    """Megabytes a second and core, on the same texts in the same run."""
    plain, attack = ordinary(REPOSITORY), hostile()
    refused = sum(_refused(bench.find, text) for text in attack)
    rates = {
        "ordinary": bench.mb_a_second(plain),
        "dense": bench.mb_a_second(dense),
        "hostile": bench.mb_a_second(attack),
    }
    rows = [
        ["Staithe, patterns, labels and secrets", *(f"{rates[name]:.1f}" for name in ("ordinary", "dense", "hostile"))]
    ]
    bars = [("Staithe, ordinary", rates["ordinary"]), ("Staithe, dense", rates["dense"])]
    notes = [
        f"ordinary: {len(plain)} texts of up to 2 KB from the sample documents and pages of this repository; dense: {len(dense)} "
        "of labelled sentences, each of which holds something; hostile: floods of look-alikes of 256 KiB, of which "
        f"{refused} of {len(attack)} were refused (DETECTION_WORK_EXCEEDED) and count with the time until then.",
        f"Processor time, median of {ROUNDS} rounds, peers once after a warm-up; detection of names is not part of it.",
    ]
    for name in ("presidio", "presidio-spacy") if bench.peers else ():
        size = [sum(len(text.encode()) for text in texts) / 1e6 for texts in (plain[:60], dense[:30])]
        theirs = [each / bench.peer(name, texts)[1] for each, texts in zip(size, (plain[:60], dense[:30]), strict=True)]
        rows.append([name, *(f"{rate:.3f}" for rate in theirs), "–"])
        bars += [(f"{name}, ordinary", theirs[0]), (f"{name}, dense", theirs[1])]
        notes.append(
            f"Against {name}: {rates['ordinary'] / theirs[0]:.0f} × ordinary, {rates['dense'] / theirs[1]:.0f} × dense."
        )
    chart = Bars("megabytes a second, one core", bars, unit="MB/s", digits=2)
    return Section(
        "sanitization-speed", "Speed", [Table(("MB/s", "ordinary", "dense", "hostile"), rows)], [chart], notes
    )


def main() -> int:
    """Run; 0 when everything was measured."""
    arguments = _arguments()
    console, bench, measured = Console(), Bench(arguments.peers), revision(REPOSITORY)
    made = generate()
    sections, dense = [], made.texts
    if arguments.data:
        tuned, held_out = read_synth(arguments.data)
        dense = [*tuned.texts, *held_out.texts]
        notes = ["presidio-research's synthetic sentences, version 2 (MIT), split by the SHA-256 of the text."]
        sections.append(entities(bench, held_out, "sanitization-held-out", "Labelled sentences, held-out half", [
            *notes, "Both halves come from the same sentence patterns, so this half is held out, not unlike the other.",
        ]))  # fmt: skip
        sections.append(entities(bench, tuned, "sanitization-tuned", "Labelled sentences, half used for tuning", notes))
    sections.append(entities(bench, made, "sanitization-generated", "Sentences made by code", [
        "2,000 sentences with other patterns and formats (`generated.py`), a quarter of them with numbers that are none. "
        "Never tuned on: these are the first figures.",
    ]))  # fmt: skip
    sections += [secrets(bench), speeds(bench, joined(dense))]
    for section in sections:
        show(section, console)
    if not arguments.print_only:
        head = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {measured}; {machine()}, load {os.getloadavg()[0]:.1f}."
        _write(head, sections)
        console.print(f"\nwrote {PAGE.relative_to(REPOSITORY)}", highlight=False)
    return 0


def _write(head: str, sections: Sequence[Section]) -> None:
    """Put the figures between the page's two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    lines, _ = markdown(sections, PAGE.parent / "pictures", relative_to=PAGE.parent)
    figures = "\n".join([BEGIN, "", head, "", *(line.replace("## ", "### ", 1) for line in lines)]).rstrip()
    PAGE.write_text(f"{before}{figures}\n\n{END}{after}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how well and how fast sanitization detects.")
    parser.add_argument("--data", type=Path, help="presidio_synth_v2.json; without it only the set made by code")
    parser.add_argument("--peers", type=Path, help="an environment with requirements/bench-sanitization.txt")
    parser.add_argument("--print-only", action="store_true", help="write no file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
