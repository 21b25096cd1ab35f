"""The sections about entities: precision, recall, F1, leak and over-masking of each kind, and the peers beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import Bench
from chart import Bars
from labelled import NAME_KINDS, OTHER_KINDS, PATTERN_KINDS, Labelled, Score, score
from report import Section, Table

PEERS = ("presidio", "presidio-spacy")


@dataclass(frozen=True)
class Measured:
    """One labelled set: each kind's counts, the pattern kinds' together, and the section that says so."""

    kinds: dict[str, Score]
    patterns: Score
    section: Section
    peers: dict[str, Score] = field(default_factory=dict)


def measure(bench: Bench, labelled: Labelled, slug: str, title: str, notes: Sequence[str]) -> Measured:
    """Find in all texts as the product does, names included, and hold it against the labels."""
    found = [bench.find(text) for text in labelled.texts]
    kinds = (*PATTERN_KINDS, *OTHER_KINDS, *NAME_KINDS)
    scores = {kind: each for kind, each in score(labelled, found, kinds).items() if each.right + each.missed}
    total = together(scores)
    rows = [_row(kind, each) for kind, each in scores.items()]
    rows.append(_row("**pattern kinds together**", total))
    systems, peers = [("Staithe", total.f1)], {}
    people = [("Staithe", scores["PERSON"].f1)] if "PERSON" in scores else []
    for name in PEERS if bench.peers else ():
        answers, _ = bench.peer(name, labelled.texts)
        theirs = score(labelled, answers, kinds)
        peers[name] = together(theirs)
        rows.append(_row(f"{name}: pattern kinds together", peers[name]))
        systems.append((name, peers[name].f1))
        if people and name == "presidio-spacy":
            rows += [_row(f"{name}: {kind}", theirs[kind]) for kind in NAME_KINDS if kind in scores]
            people.append((name, theirs["PERSON"].f1))
    columns = ("kind", "labels", "precision", "recall", "F1", "leak", "over-masking")
    charts = [Bars("F1, e-mail, phone, card, IBAN, national id, IP, URL together", systems, full=1.0, digits=3)]
    charts += [Bars("F1, names of people", people, full=1.0, digits=3)] if people else []
    return Measured(scores, total, Section(slug, title, [Table(columns, rows)], charts, list(notes)), peers)


def together(scores: dict[str, Score]) -> Score:
    """The counts of all pattern kinds."""
    return sum((scores[kind] for kind in PATTERN_KINDS if kind in scores), Score())


def _row(name: str, each: Score) -> list[str]:
    figures = [f"{each.precision:.3f}", f"{each.recall:.3f}", f"{each.f1:.3f}"]
    return [name, str(each.right + each.missed), *figures, f"{each.leak:.1%}", f"{each.over_masking:.1%}"]
