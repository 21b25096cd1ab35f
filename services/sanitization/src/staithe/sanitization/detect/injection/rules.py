"""Phrases that give orders to a language model, from `rules.toml`, matched by RE2 in time linear in the text."""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import re2

HITS_PER_RULE_MAX: Final = 64
"""A text with more is held by far fewer; counting on would only cost time."""


_LIST: Final = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Hit:
    """Characters `start` to `end` speak for an injection of this kind, as far as `weight` (0 to 1) goes alone."""

    start: int
    end: int
    reason: str
    weight: float


@dataclass(frozen=True, slots=True)
class _Pattern:
    reason: str
    weight: float
    compiled: Any


class Rules:
    """All patterns; one instance serves many threads. Raises re2.error where a pattern is wrong."""

    def __init__(self) -> None:
        written = files(__package__).joinpath("rules.toml").read_text("utf-8")
        content = tomllib.loads(written)
        self.version = hashlib.sha256(written.encode()).hexdigest()
        self._patterns: list[_Pattern] = []
        self._all, self._core = _new_set(), _new_set()
        self._core_patterns: list[_Pattern] = []
        lists: dict[str, str] = content["lists"]
        for rule in content["rule"]:
            for phrase in rule["patterns"]:
                text = "(?i)" + _LIST.sub(lambda match: lists.get(match[1], match[0]), phrase)
                pattern = _Pattern(rule["reason"], rule["weight"], re2.compile(text))
                self._patterns.append(pattern)
                self._all.Add(text)
                if rule.get("core"):
                    self._core_patterns.append(pattern)
                    self._core.Add(text)
        self._all.Compile()
        self._core.Compile()

    def __len__(self) -> int:
        return len(self._patterns)

    def hits(self, text: str, *, core: bool = False) -> Iterator[Hit]:
        """Where each pattern matches; with `core` only those that hold for unscrambled text."""
        searched, patterns = (self._core, self._core_patterns) if core else (self._all, self._patterns)
        for index in sorted(searched.Match(text) or ()):
            pattern = patterns[index]
            for count, match in enumerate(pattern.compiled.finditer(text)):
                if count == HITS_PER_RULE_MAX:
                    break
                yield Hit(match.start(), match.end(), pattern.reason, pattern.weight)


def _new_set() -> Any:
    options = re2.Options()
    options.max_mem = 64 * 1024 * 1024
    return re2.Set.SearchSet(options)
