"""The section about numbers that others wrote down: phonenumbers' and python-stdnum's examples, with a word beside them.

Neither is ours, and both are installed with the product: telephone numbers of every region in three writings, and the
valid examples in the documentation of python-stdnum's modules, those of firms and of value-added tax included.
"""

import hashlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import phonenumbers
import stdnum
from bench import Bench
from labelled import Labelled, Score, score
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from report import Section, Table

from staithe.sanitization.detect.files import read

WRITINGS: Final = {
    "international": (PhoneNumberFormat.INTERNATIONAL, "He left {} with the porter."),
    "E.164": (PhoneNumberFormat.E164, "My number is {}, ask for me."),
    "national": (PhoneNumberFormat.NATIONAL, "Tel.: {}"),
}
_EXAMPLE: Final = re.compile(r"(?:validate|is_valid)\('([^']+)'\)")


@dataclass(frozen=True)
class Libraries:
    """In how many states an example number was found as what it is, the leak of national telephone numbers, the section."""

    states: int
    phone_leak: float
    section: Section


def measure(bench: Bench) -> Libraries:
    """Telephone numbers by writing; numbers of states: kinds that we list, then everything python-stdnum knows."""
    phones = {name: _score(bench, _phones(name), "PHONE") for name in WRITINGS}
    rows = [_row(f"telephone, {name}", each) for name, each in phones.items()]
    listed, states = Labelled(), set()
    for state, text, span in _listed():
        listed.add(text, [span])
        if any(found[2] == "NATIONAL_ID" for found in _kinds(bench, text)):
            states.add(state)
    rows.append(_row("kinds in identities.yaml with a check digit", _score(bench, listed, "NATIONAL_ID")))
    halves = Labelled(), Labelled()
    for name, text, span in _all():
        halves[hashlib.sha256(name.encode()).digest()[0] & 1].add(text, [span])
    for words, half in zip(("half used for tuning", "held-out half"), halves, strict=True):
        rows.append(_row(f"all of python-stdnum, {words}", _score(bench, half, "NATIONAL_ID")))
    notes = [
        "Examples by phonenumbers (all regions, fixed and mobile) and by python-stdnum's documentation. Nothing was tuned on "
        "the telephone numbers. Words beside numbers were added after the misses in one half of python-stdnum's modules (by the "
        "SHA-256 of the name); most of what is missed there numbers firms, and its word is one that we do not list.",
        f"Of {len(states)} states at least one example is found as a national, tax or health number.",
    ]
    table = Table(("examples", "labels", "precision", "recall", "F1", "leak"), rows)
    section = Section("sanitization-libraries", "Numbers that libraries give as examples", [table], [], notes)
    return Libraries(len(states), phones["national"].leak, section)


def _kinds(bench: Bench, text: str) -> list[tuple[int, int, str]]:
    same = {"TAX_ID": "NATIONAL_ID", "HEALTH_ID": "NATIONAL_ID"}
    return [(start, end, same.get(kind, kind)) for start, end, kind in bench.find(text)]


def _score(bench: Bench, labelled: Labelled, kind: str) -> Score:
    return score(labelled, [bench.find(text) for text in labelled.texts], (kind,))[kind]


def _row(name: str, each: Score) -> list[str]:
    figures = [f"{each.precision:.3f}", f"{each.recall:.3f}", f"{each.f1:.3f}", f"{each.leak:.1%}"]
    return [name, str(each.right + each.missed), *figures]


def _phones(writing: str) -> Labelled:
    labelled = Labelled()
    form, template = WRITINGS[writing]
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            if example := phonenumbers.example_number_for_type(region, kind):
                text, span = _filled(template, phonenumbers.format_number(example, form), "PHONE")
                labelled.add(text, [span])
    return labelled


def _listed() -> Iterator[tuple[str, str, tuple[int, int, str]]]:
    """State, text and label of each example of a kind that we list, with the first word that we know for it."""
    words = read("words")
    for kind in read("identities")["identities"]:
        check, word = str(kind.get("check", "")), str(words[kind["topic"]]).split("|")[0]
        if "." in check and kind["entity"] != "BANK_ACCOUNT":
            for number in _examples(f"stdnum.{check}"):
                yield check.partition(".")[0], *_filled(f"Her {word} is {{}} by now.", number, "NATIONAL_ID")


def _all() -> Iterator[tuple[str, str, tuple[int, int, str]]]:
    """Module, text and label of every example of a state's module, with the name that its documentation begins with."""
    for module in pkgutil.walk_packages(stdnum.__path__, "stdnum."):
        if module.name.count(".") == 2 and not module.ispkg:
            for number in _examples(module.name):
                title = (import_module(module.name).__doc__ or "").strip()
                name = re.split(r"[ (\n]", title)[0].rstrip(".,")
                template = (f"{name}: {{}}", f"Her {name} is {{}} by now.")[
                    hashlib.sha256(number.encode()).digest()[0] & 1
                ]
                yield module.name, *_filled(template, number, "NATIONAL_ID")


def _examples(name: str) -> list[str]:
    module = import_module(name)
    return [each for each in _EXAMPLE.findall(module.__doc__ or "") if _is_valid(module.is_valid, each)]


def _is_valid(check: object, number: str) -> bool:
    try:
        return bool(callable(check) and check(number))
    except (LookupError, ValueError, TypeError):
        return False


def _filled(template: str, value: str, kind: str) -> tuple[str, tuple[int, int, str]]:
    start = template.index("{}")
    return template.replace("{}", value), (start, start + len(value), kind)
