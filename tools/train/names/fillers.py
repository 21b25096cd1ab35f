"""Makes what fills a template: people, places, organisations, addresses, and the plain words around them.

A quarter of the names are made up letter by letter after the sound of a real list, so that the network learns to
recognise a name by its place and sound and not only by having seen it.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random

from lists import Lists

MADE_UP = 0.25
WORDS: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))
"""Lists by name."""
ENGLISH = ("en", "en_GB", "en_US", "en_IE", "en_NZ", "census")


class Fillers:
    """Draws fillers with one random source; equal seeds draw equal fillers."""

    def __init__(self, lists: Lists, random: Random) -> None:
        self.lists, self.random = lists, random
        self.locales = sorted(lists.first)
        self.plain = [locale for locale in self.locales if _is_latin(lists.first[locale] + lists.last[locale])]
        self.chains: dict[tuple[str, str], dict[str, list[str]]] = {}
        self.common = {language: words[:12_000] for language, words in lists.common.items()}

    def pick(self, options: list[str] | tuple[str, ...]) -> str:
        """One of `options`."""
        return options[int(self.random.random() * len(options))]

    def locale(self) -> str:
        """Where a person is from: a third English, a few written in other scripts."""
        draw = self.random.random()
        return self.pick(ENGLISH) if draw < 0.33 else self.pick(self.plain if draw < 0.95 else self.locales)

    def name(self, kind: str, locale: str) -> str:
        """A given ("first") or family ("last") name."""
        known = (self.lists.first if kind == "first" else self.lists.last)[locale]
        if kind == "last" and locale in ENGLISH and self.random.random() < 0.3:
            return self.pick(self.lists.census)
        if self.random.random() < MADE_UP and locale in self.plain:
            return self._made_up(kind, locale)
        return self.pick(known)

    def _made_up(self, kind: str, locale: str) -> str:
        """A word with the sound of a list: each letter follows two others as in the list."""
        chain = self.chains.get((kind, locale))
        if chain is None:
            chain = self.chains[kind, locale] = defaultdict(list)
            for word in (self.lists.first if kind == "first" else self.lists.last)[locale]:
                around = f"^^{word.lower()}$"
                for at in range(2, len(around)):
                    chain[around[at - 2 : at]].append(around[at])
        made = "^^"
        while len(made) < 16:
            letter = self.pick(chain[made[-2:]])
            if letter == "$":
                break
            made += letter
        made = made[2:].strip(" -'.")
        return made.title() if len(made) > 2 else self.pick(self.lists.first[locale])

    def last(self, locale: str) -> str:
        """A family name, at times with a particle or doubled."""
        draw = self.random.random()
        if draw < 0.04:
            return self.pick(WORDS["particles"]) + self.name("last", locale)
        joined = "-" if draw < 0.06 else " " if draw < 0.09 and locale.startswith(("es", "pt")) else ""
        return self.name("last", locale) + (joined + self.name("last", locale) if joined else "")

    def full(self, first: str, last: str, locale: str) -> str:
        """A person's name as it is written out."""
        draw = self.random.random()
        if locale.startswith(("zh", "ja", "ko")) and not first.isascii():
            return last + first
        return _drawn(draw, (
            (0.07, lambda: f"{first} {self.initial()} {last}"), (0.10, lambda: f"{first[0]}. {last}"),
            (0.12, lambda: f"{last}, {first}"), (0.14, lambda: f"{first} {self.name('first', locale)} {last}"),
            (0.15, lambda: f"{first} {last} {self.pick(('Jr.', 'Sr.', 'III', 'II', 'Jr'))}"),
            (0.16, lambda: f"{first}-{self.name('first', locale)} {last}"),
            (0.175, lambda: f"{first} {last.upper()}"), (1.0, lambda: f"{first} {last}"),
        ))  # fmt: skip

    def initial(self) -> str:
        """A capital with a full stop, mostly."""
        return self.pick("ABCDEFGHIJKLMNOPRSTVWZ") + ("." if self.random.random() < 0.9 else "")

    def city(self) -> str:
        """A city; larger ones more often."""
        cities = self.lists.cities
        draw = self.random.random()
        if draw < 0.12:
            return self.name("last", self.pick(self.plain)) + self.pick(
                ("", "", "ville", "ton", "stad", "dorf", "burg")
            )
        return cities[int(self.random.random() ** 2 * len(cities))]

    def country(self) -> str:
        """A country or a region."""
        draw = self.random.random()
        return self.pick(WORDS["lands"] if draw < 0.15 else self.lists.regions if draw < 0.3 else self.lists.countries)

    def organisation(self) -> str:
        """A company or an institution."""
        draw = self.random.random()
        last = self.name("last", self.pick(self.plain))
        other = lambda: self.name("last", "en_US")  # noqa: E731 - drawn anew each time
        return _drawn(draw, (
            (0.2, lambda: f"{last} {self.pick(WORDS['suffixes'])}"),
            (0.4, lambda: self.brand() + (f" {self.pick(WORDS['suffixes'])}" if self.random.random() < 0.4 else "")),
            (0.5, lambda: f"{self.pick((last, self.city(), self.brand()))} {self.pick(WORDS['trades'])}"),
            (0.58, lambda: self.pick(WORDS["known_companies"])), (0.64, lambda: f"{last}, {other()} and {other()}"),
            (0.68, lambda: f"{last}{self.pick((' & ', '-', ' and '))}{other()}"),
            (0.73, lambda: "".join(self.pick("ABCDEFGHIKLMNOPRSTUVWX") for _ in range(self.random.randint(2, 5)))),
            (0.8, self._institution),
            (1.0, lambda: f"{self.brand()} {self.pick([*WORDS['trades'], *self.lists.company_suffixes])}"),
        ))  # fmt: skip

    def _institution(self) -> str:
        made = (f"University of {self.city()}", f"Bank of {self.country()}", f"{self.city()} City Council",
                f"Institute of {self.word().title()}",
                f"{self.word().title()} {self.pick(WORDS['trades'])}")  # fmt: skip
        return self.pick(made)

    def brand(self) -> str:
        """An invented trade name."""
        draw = self.random.random()
        if draw < 0.35:
            return self.word().title() + self.word()
        if draw < 0.5:
            return self.word().title() + self.word().title()
        return (self.word()[:5] + self.pick(WORDS["brand_endings"])).title()

    def word(self, language: str = "en") -> str:
        """A common word, the commoner the likelier."""
        words = self.common[language]
        while True:
            word = words[int(self.random.random() ** 2 * len(words))]
            if len(word) > 2 and word not in self._given():
                return word

    def odd_word(self) -> str:
        """A rare word of one of the languages, not known as a given name."""
        words = self.lists.common[self.pick(("en", "en", "en", "de", "fr", "es", "it", "pt", "nl"))]
        while True:
            word = words[8_000 + int(self.random.random() * min(70_000, len(words) - 8_000))]
            if len(word) > 2 and word not in self._given():
                return word

    def code(self) -> str:
        """What programs, parts lists and file names are full of."""
        draw, word = self.random.random(), self.word()
        if draw < 0.45:
            return self.pick(WORDS["codes"])
        part, other = self.pick(WORDS["codes"]), self.word().title()
        joined = (f"{word}_{part}", word + other, word.title() + other, f"{word[:3]}{draw * 90:.0f}", word[:3],
                  f"{part}_{word}", f"{word}s")  # fmt: skip
        return self.pick(joined)

    def _given(self) -> frozenset[str]:
        if not hasattr(self, "_given_names"):
            every = (name.lower() for locale in self.plain for name in self.lists.first[locale])
            self._given_names = frozenset(every)
        return self._given_names

    def street(self) -> str:
        """A street with its number, as in one of many countries."""
        number = str(self.random.randint(1, 9999 if self.random.random() < 0.3 else 150))
        locale = self.pick(self.plain)
        if self.random.random() < 0.5:
            stem = self.pick((self.name("last", "en_US"), self.word().title(), self.name("first", "en_US")))
            street = f"{number} {stem} {self.pick(WORDS['english_streets'])}"
            return street + self.pick(
                ("", "", "", f", Apt. {number[:2]}", f"\nSuite {number[:3]}", f" Apt. {number[:3]}")
            )
        return self.pick(WORDS["streets"]).format(
            last=self.name("last", locale), first=self.name("first", locale), word=self.word("de").title(), n=number
        )


def _drawn(draw: float, makers: tuple[tuple[float, Callable[[], str]], ...]) -> str:
    """What the first maker makes whose bound is above `draw`."""
    return next(make() for bound, make in makers if draw < bound)


def _is_latin(names: list[str]) -> bool:
    return sum(bool(re.match(r"[A-Za-zÀ-ɏ'\u2019 .\-]+$", name)) for name in names) > 0.9 * len(names)
