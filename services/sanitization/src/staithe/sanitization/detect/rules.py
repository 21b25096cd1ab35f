"""Rules as data: a keyword finds where to look, an expression what is there, and entropy and lists what is none. Pure.

The files in rules/ say which; `Rule` says what each field means. Keywords are found by one automaton over
the whole text (keywords.py), so a rule costs nothing where its keyword does not stand.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import re2

from staithe.sanitization.detect.entities import ENTITIES
from staithe.sanitization.detect.expressions import Expression
from staithe.sanitization.detect.files import read
from staithe.sanitization.detect.finding import Finding, digest
from staithe.sanitization.detect.work import Work

_FIELDS: Final = frozenset(
    {"id", "entity", "keywords", "pattern", "before", "after", "entropy", "score", "allow", "finds", "ignores"}
)
_READ_BYTES: Final = 512
"""What a refused check may read for the price of one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of thing that a keyword announces.

    The expression is matched from `before` bytes before the keyword to `after` behind it; where `before` is 0 it must
    begin with the keyword. Its group `value`, or all of it, is the finding. A value below `entropy` bits a character,
    or one that `allow` matches anywhere, is none. `finds` and `ignores` are examples for tests (examples.py).
    """

    id: str
    entity: str
    keywords: tuple[str, ...]
    pattern: str
    before: int = 0
    after: int = 256
    entropy: float = 0.0
    score: float = 0.95
    allow: str = ""
    finds: str = ""
    ignores: str = ""


class Rules:
    """Rules of one or several detectors; one instance serves many threads.

    `groups` names each detector and gives its rules; `versions` tells each one's digest.
    """

    def __init__(self, groups: Mapping[str, Sequence[Rule]]) -> None:
        self.rules = tuple(rule for rules in groups.values() for rule in rules)
        self._detectors = tuple(name for name, rules in groups.items() for _ in rules)
        self.versions = {name: digest(tuple(rules)) for name, rules in groups.items()}
        self._expressions = [Expression(rule.pattern.encode()) for rule in self.rules]
        self._allowed = [re2.compile(rule.allow.encode()) if rule.allow else None for rule in self.rules]

    def find(self, encoded: bytes, announced: Iterable[tuple[int, int, int]], work: Work) -> list[Finding]:
        """What stands in a text of UTF-8, spans in bytes; findings may meet.

        `announced`: (rule, start, end) of the keywords in the text, in order.
        """
        found: list[Finding] = []
        read_to: dict[int, int] = {}
        size = len(encoded)
        for index, start, end in announced:
            read = read_to.get(index, 0)
            if start < read:
                continue
            rule = self.rules[index]
            first_byte = max(read, start - rule.before) if rule.before else start
            match = self._expressions[index].value(
                encoded, first_byte, min(end + rule.after, size), anywhere=rule.before > 0
            )
            if match is None or not self._counts(index, encoded[match[0] : match[1]]):
                work.spend(1 + rule.after // _READ_BYTES)
                continue
            first, last, read_to[index] = match
            found.append(Finding(rule.entity, first, last, rule.score, self._detectors[index]))
        return found

    def _counts(self, index: int, value: bytes) -> bool:
        rule, allowed = self.rules[index], self._allowed[index]
        if rule.entropy and entropy(value) < rule.entropy:
            return False
        return allowed is None or allowed.search(value) is None


def entropy(value: bytes) -> float:
    """Shannon's entropy in bits a byte."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values()) if size else 0.0


def load(stem: str) -> tuple[Rule, ...]:
    """The rules of one file. Raises ValueError naming file and rule where one is wrong."""
    return rules_of(stem, read(stem))


def rules_of(stem: str, document: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of one file's content; `defaults` in it hold for each of its rules that says nothing else."""
    rules = []
    for each in document["rules"]:
        fields = {**document.get("defaults", {}), **each}
        if unknown := fields.keys() - _FIELDS:
            raise ValueError(f"rules/{stem}.yaml: {each.get('id')}: unknown fields {sorted(unknown)}")
        if fields.get("entity") not in ENTITIES:
            raise ValueError(f"rules/{stem}.yaml: {each.get('id')}: unknown entity")
        fields["keywords"] = tuple(str(fields["keywords"]).lower().split("|"))
        rules.append(Rule(**fields))
    return tuple(rules)
