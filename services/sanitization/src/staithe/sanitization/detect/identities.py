"""Numbers that states, tax offices, health systems and banks give out: shape, check, and the words beside them. Pure.

Checks are python-stdnum's; a shape is matched against the number without its separators, in capitals.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import cast

from staithe.sanitization.detect.checks import OWN
from staithe.sanitization.detect.files import read


@dataclass(frozen=True, slots=True)
class Identity:
    """One kind of number.

    `length` counts characters without separators. `written` is the usual writing, which is enough without words
    beside it where the check is strong; empty: only words tell. `check` names python-stdnum's module, if it has one.
    """

    entity: str
    topic: str
    length: range
    shape: str
    check: str = ""
    written: str = ""
    score: float = 0.9

    def holds(self, text: str, compact: str) -> bool:
        """Whether shape and check agree with a number, given as written and without separators."""
        if _compiled(self.shape).fullmatch(compact) is None:
            return False
        if not self.check:
            return True
        if own := OWN.get(self.check):
            return own(compact)
        return _holds(self.check, compact) or _holds(self.check, text)

    def is_written_so(self, text: str) -> bool:
        """Whether a number is written in the way that tells by itself."""
        return bool(self.written) and _compiled(self.written).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _validator(name: str) -> Callable[[str], bool]:
    return cast("Callable[[str], bool]", import_module(f"stdnum.{name}").is_valid)


def _holds(check: str, number: str) -> bool:
    """What python-stdnum says. Some of its tables have gaps, which raise; what it cannot judge counts as found."""
    try:
        return _validator(check)(number)
    except (LookupError, ValueError, TypeError):
        return True


@dataclass(frozen=True, slots=True)
class Identities:
    """All kinds: by the topic of the words beside them, and, where writing tells by itself, by length."""

    by_topic: Mapping[str, Identity]
    telling: Mapping[int, tuple[Identity, ...]]
    any_telling: Mapping[int, re.Pattern[str]] = field(default_factory=dict, repr=False)
    """One expression for all of `telling`, by length: most numbers are none of them, and then one look is enough."""

    @classmethod
    def of(cls, kinds: Iterable[Identity]) -> "Identities":
        """Put kinds in order."""
        by_topic: dict[str, Identity] = {}
        telling: defaultdict[int, tuple[Identity, ...]] = defaultdict(tuple)
        for kind in kinds:
            by_topic[kind.topic] = kind
            for length in kind.length if kind.written else ():
                telling[length] += (kind,)
        any_telling = {
            length: re.compile("|".join(f"(?:{kind.written})" for kind in of)) for length, of in telling.items()
        }
        return cls(by_topic, dict(telling), any_telling)

    def told_by_writing(self, written: str, compact: str) -> tuple[Identity, ...]:
        """The kinds of a number as long as `compact`, if any of them is written like `written`."""
        expression = self.any_telling.get(len(compact))
        return self.telling[len(compact)] if expression is not None and expression.fullmatch(written) else ()


def load() -> Identities:
    """The kinds of rules/identities.yaml."""
    return Identities.of(
        Identity(**{**each, "length": _range(str(each["length"]))}) for each in read("identities")["identities"]
    )


def _range(words: str) -> range:
    low, _, high = words.partition("-")
    return range(int(low), int(high or low) + 1)
