"""`make bench-sanitization DATA=…`: how well and how fast sanitization works, beside its peers; writes docs/sanitization.md.

    python tests/benchmarks/sanitization/run.py --data presidio_synth_v2.json --peers ENVIRONMENT [--print-only]

The labelled data is presidio-research's synthetic set, version 2 (MIT); it is read from where you have it and is not
part of this repository. Without it only the sets made by code are measured, and the targets say so. Nothing is asserted
about time.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
REPOSITORY: Final = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent)]  # for the modules beside this one and those of the other benchmarks

import credentials  # noqa: E402
import injections  # noqa: E402
import kinds  # noqa: E402
import libraries  # noqa: E402
import rates  # noqa: E402
import targets  # noqa: E402
from bench import Bench  # noqa: E402
from generated import generate  # noqa: E402
from labelled import read_synth  # noqa: E402
from measure import machine, revision  # noqa: E402
from report import Section, markdown, show  # noqa: E402
from rich.console import Console  # noqa: E402
from speed import ordinary  # noqa: E402
from targets import AT_LEAST, AT_MOST, Target  # noqa: E402

PAGE: Final = REPOSITORY / "docs" / "sanitization.md"
BEGIN: Final = "<!-- figures: written by `make bench-sanitization`; do not edit -->"
END: Final = "<!-- figures end -->"
SYNTH: Final = "presidio-research's synthetic sentences, version 2 (MIT), split by the SHA-256 of the text."


def sections(bench: Bench, data: Path | None) -> list[Section]:
    """Measure everything; the targets come first."""
    made = generate()
    measured = kinds.measure(bench, made, "sanitization-generated", "Sentences made by code", [
        "2,000 sentences with other patterns and formats (`generated.py`), a quarter of them with numbers that are none. "
        "Tuned on once: numbers such as `+49 (0)89 / 1234-56` were mended after their misses were seen here (telephone F1 was "
        "0.962 and leak 8.0% before). Telephone numbers that were never tuned on stand under the libraries' examples.",
    ])  # fmt: skip
    found: list[Section] = [measured.section]
    sentences, held_out = made.texts, None
    if data:
        tuned_texts, held_out_texts = read_synth(data)
        sentences = [*tuned_texts.texts, *held_out_texts.texts]
        held_out = kinds.measure(bench, held_out_texts, "sanitization-held-out", "Labelled sentences, held-out half", [
            SYNTH, "Both halves come from the same sentence patterns, so this half is held out, not unlike the other.",
            "Neither half was ever trained on for names; the model of names was chosen on other sentences (decision 0015).",
        ])  # fmt: skip
        tuned = kinds.measure(
            bench, tuned_texts, "sanitization-tuned", "Labelled sentences, half used for tuning", [SYNTH]
        )
        found = [held_out.section, tuned.section, measured.section]
    examples = libraries.measure(bench)
    secrets = credentials.measure(bench)
    injected, injection_section = injections.measure(bench, ordinary(REPOSITORY))
    speed = rates.measure(bench, sentences)
    judged = _targets(held_out, measured, examples=examples, secrets=secrets, injected=injected, speed=speed)
    return [targets.section(judged), *found, examples.section, secrets.section, injection_section, speed.section]


def _targets(
    held_out: kinds.Measured | None, made: kinds.Measured, *, examples: libraries.Libraries,
    secrets: credentials.Credentials, injected: list[injections.Shares], speed: rates.Rates,
) -> list[Target]:  # fmt: skip
    person = held_out.kinds["PERSON"] if held_out else None
    outside = injected[-1]
    return [
        Target(
            "pattern kinds, F1, labelled sentences (held-out half)", AT_LEAST, 0.97, held_out and held_out.patterns.f1
        ),
        Target("pattern kinds, F1, sentences made by code", AT_LEAST, 0.93, made.patterns.f1),
        Target("telephone numbers, leak, sentences made by code", AT_MOST, 0.10, made.kinds["PHONE"].leak),
        Target("telephone numbers in national form, leak, a library's examples", AT_MOST, 0.10, examples.phone_leak),
        Target("states of which an example number is found", AT_LEAST, 25, examples.states, "{:.0f}"),
        Target("names of people, F1 (held-out half)", AT_LEAST, 0.72, person and person.f1),
        Target("names of people, leak (held-out half)", AT_MOST, 0.15, person and person.leak),
        Target("patterns, MB/s a core, ordinary text", AT_LEAST, 10, speed.patterns, "{:.1f}"),
        Target("patterns, MB/s a core, dense text", AT_LEAST, 10, speed.dense, "{:.1f}"),
        Target("names on, MB/s a core, ordinary text", AT_LEAST, 1, speed.names, "{:.1f}"),
        Target("patterns against Presidio's patterns, times", AT_LEAST, 50, speed.against.get("presidio"), "{:.0f}"),
        Target(
            "names on against Presidio with spaCy, times", AT_LEAST, 50, speed.against.get("presidio-spacy"), "{:.0f}"
        ),
        Target("hostile text, MB/s a core", AT_LEAST, 2, speed.hostile, "{:.1f}"),
        Target("credentials, precision", AT_LEAST, 0.95, secrets.precision),
        Target("credentials, recall", AT_LEAST, 0.95, secrets.recall),
        Target("credentials found in a clean source tree", AT_MOST, 0, secrets.in_clean_tree, "{:.0f}"),
        Target(f"injections, benign pass ({outside.name})", AT_LEAST, 0.95, outside.benign_pass),
    ]


def main() -> int:
    """Run; 0 when everything was measured."""
    arguments = _arguments()
    console, measured = Console(), revision(REPOSITORY)
    found = sections(Bench(arguments.peers), arguments.data)
    for section in found:
        show(section, console)
    if not arguments.print_only:
        head = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {measured}; {machine()}, load {os.getloadavg()[0]:.1f}."
        _write(head, found)
        console.print(f"\nwrote {PAGE.relative_to(REPOSITORY)}", highlight=False)
    return 0


def _write(head: str, found: Sequence[Section]) -> None:
    """Put the figures between the page's two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    lines, _ = markdown(found, PAGE.parent / "pictures", relative_to=PAGE.parent)
    figures = "\n".join([BEGIN, "", head, "", *(line.replace("## ", "### ", 1) for line in lines)]).rstrip()
    PAGE.write_text(f"{before}{figures}\n\n{END}{after}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how well and how fast sanitization works.")
    parser.add_argument("--data", type=Path, help="presidio_synth_v2.json; without it only the sets made by code")
    parser.add_argument("--peers", type=Path, help="an environment with requirements/bench-sanitization.txt")
    parser.add_argument("--print-only", action="store_true", help="write no file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
