"""Labelled documents: templates filled, joined, and now and then written without capitals or in nothing else."""

import re
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fillers import WORDS, Fillers
from lists import Lists

TEMPLATES = Path(__file__).parent / "templates"
FIELD = re.compile(r"\{(\w+)\}")
SMALL_WORD = re.compile(r"(?<![\w'\u2019])[a-z]{2,}(?![\w'\u2019])")
PARTS = ("FIRST", "LAST", "FIRSTU", "LASTU")
WEIGHTS = {"plain": 1.6, "other_languages": 0.7, "legal": 1.2}


@dataclass(frozen=True)
class Labelled:
    """A text and its spans (start, end, entity), in order."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


class Corpus:
    """An endless supply of documents; `held_out` takes every seventh template, which training never sees."""

    def __init__(self, lists: Lists, seed: int, *, held_out: bool) -> None:
        self.random = Random(seed)  # noqa: S311 - reproducible on purpose
        self.fill = Fillers(lists, self.random)
        self.templates: list[str] = []
        self.chances: list[float] = []
        for path in sorted(TEMPLATES.glob("*.txt")):
            for line in path.read_text().splitlines():
                if (zlib.crc32(line.encode()) % 7 == 0) == held_out:
                    self.templates.append(line.replace("\\n", "\n").replace("\\t", "\t"))
                    self.chances.append(WEIGHTS.get(path.stem, 1.0))

    def documents(self, count: int) -> Iterator[Labelled]:
        """`count` documents: half a single passage, half several on top of each other."""
        for _ in range(count):
            pieces = 1 if self.random.random() < 0.5 else self.random.randint(2, 7)
            chosen = self.random.choices(self.templates, self.chances, k=pieces)
            glue = self.fill.pick(("\n", "\n\n", " ", "\n"))
            yield self._varied(_joined([self.filled(template) for template in chosen], glue))

    def filled(self, template: str) -> Labelled:
        """The template with every field filled; people in one passage are mostly met again by their names."""
        locale = self.fill.locale()
        people = [(self.fill.name("first", locale), self.fill.last(locale)) for _ in range(2)]
        parts: list[str] = []
        spans: list[tuple[int, int, str]] = []
        length = position = 0
        previous = ""
        loose = 0.25 if self.random.random() < 0.5 else 0.0
        for match in FIELD.finditer(template):
            before = self._reworded(template[position : match.start()], loose)
            filler, entity = self._field(match[1], locale, people)
            if entity == "ADDRESS" and "\n" in before:
                filler = filler.replace(", Apt", "\nApt")
            parts += [before, filler]
            start = length + len(before)
            length = start + len(filler)
            joined = (" ",) if match[1].startswith("LAST") else (" ", ", ")
            if match[1] in PARTS and (previous in PARTS and previous != match[1]) and before in joined:
                spans[-1] = (spans[-1][0], length, entity)  # {FIRST} {LAST}, or {LAST}, {FIRST}: one person
            elif entity:
                spans.append((start, length, entity))
            position, previous = match.end(), match[1]
        return Labelled("".join([*parts, self._reworded(template[position:], loose)]), tuple(spans))

    def _reworded(self, text: str, share: float) -> str:
        """`text` with a share of its small words replaced by others, so that no sentence is learnt by heart."""
        if not share:
            return text
        return SMALL_WORD.sub(lambda word: self.fill.word() if self.random.random() < share else word[0], text)

    def _field(self, name: str, locale: str, people: list[tuple[str, str]]) -> tuple[str, str]:
        """A filler and its entity, if it is one."""
        fill = self.fill
        first, last = people[0] if self.random.random() < 0.35 else people[1]
        if self.random.random() < 0.5:
            first, last = fill.name("first", locale), fill.last(locale)
        base = name.split("_", maxsplit=1)[0]
        if base in ("PER", "per"):
            name = name.replace(base, fill.pick(("FULL", "FULL", "FIRST", "LAST")) if base == "PER" else "FULL")
        made = {
            "FULL": lambda: (fill.full(first, last, locale), "PERSON"), "FIRST": lambda: (first, "PERSON"),
            "LAST": lambda: (last, "PERSON"), "CITY": lambda: (fill.city(), "LOCATION"),
            "COUNTRY": lambda: (fill.country(), "LOCATION"),
            "LOC": lambda: (fill.city() if self.random.random() < 0.6 else fill.country(), "LOCATION"),
            "ORG": lambda: (fill.organisation(), "ORGANIZATION"), "ADDR": lambda: (fill.street(), "ADDRESS"),
            "street": lambda: (fill.street(), "ADDRESS"),
            "first": lambda: (first.lower(), "PERSON"), "FULLU": lambda: (f"{first} {last}".upper(), "PERSON"),
            "FIRSTU": lambda: (first.upper(), "PERSON"), "LASTU": lambda: (last.upper(), "PERSON"),
            "CITYU": lambda: (fill.city().upper(), "LOCATION"), "CITYU0": lambda: (fill.city(), ""),
            "city": lambda: (fill.city().lower(), "LOCATION"),
        }  # fmt: skip
        if name == "FULL_lower":
            return f"{first} {last}".lower(), "PERSON"
        key = name if name in made else name.split("_")[0]
        return made[key]() if key in made else (self._plain(name), "")

    def _plain(self, name: str) -> str:
        """A filler that is nobody's name and no place."""
        fill, random = self.fill, self.random
        number = str(random.randint(1, 99))
        words = [fill.word() for _ in range(random.randint(1, 5))]
        made = {
            "title": lambda: fill.pick(WORDS["titles"]), "Month": lambda: fill.pick(WORDS["months"]),
            "weekday": lambda: fill.pick(WORDS["weekdays"]), "dept": lambda: fill.pick(WORDS["departments"]),
            "nrp": lambda: fill.pick(WORDS["nationalities"]), "lang": lambda: fill.pick(fill.lists.languages),
            "job": lambda: fill.pick(fill.lists.jobs), "jobl": lambda: fill.pick(fill.lists.jobs).lower(),
            "Heading": lambda: " ".join(words).title(), "HEADING": lambda: " ".join(words).upper(),
            "word": lambda: words[0], "Word": lambda: fill.word(fill.pick(("en", "en", "en", "de", "fr"))).title(),
            "Starter": lambda: fill.pick(WORDS["starters"]), "product": self._product,
            "tech": lambda: fill.pick(WORDS["technologies"]),
            "version": lambda: f"{number}.{random.randint(0, 9)}", "digit": lambda: number,
            "year": lambda: str(random.randint(1700, 2030)), "zip": lambda: str(random.randint(1000, 99999)),
            "date": self._date, "time": lambda: f"{random.randint(0, 23)}:{random.randint(0, 59):02}",
            "amount": lambda: f"{random.choice(('€ ', 'EUR ', '£', '$', ''))}{random.randint(1, 99999)}.{number}",
            "phone": lambda: f"+{number} {random.randint(10, 999)} {random.randint(1000, 9999999)}",
            "email": lambda: f"{words[0]}.{words[-1]}@{fill.word()}.com",
            "ref": lambda: f"{words[0][:2].upper()}-{random.randint(100, 99999)}",
            "poss": lambda: fill.pick(("his", "her", "their")),
            "initial": fill.initial, "odd": fill.odd_word, "Odd": lambda: fill.odd_word().title(), "code": fill.code,
            "Code": lambda: fill.code().title(), "CODE": lambda: fill.code().upper()[:4],
            "unit": lambda: fill.pick(WORDS["units"]), "number4": lambda: str(random.randint(1000, 9999)),
            "day": lambda: fill.pick(WORDS["weekdays"])[:3],
        }  # fmt: skip
        if name in made:
            return made[name]()
        word = fill.word(name[1:])  # {wde} a German word, {Wde} with a capital
        return word.title() if name[0] == "W" else word

    def _product(self) -> str:
        word = self.fill.word().title()
        number = self.random.randint(1, 900)
        brand = self.fill.brand()
        return self.fill.pick(
            (brand, f"{word} {number}", f"{brand} {word}", f"{word[:2].upper()}-{number}", f"{brand} {number}")
        )

    def _date(self) -> str:
        random = self.random
        day, month, year = random.randint(1, 28), random.randint(1, 12), random.randint(1940, 2030)
        name = WORDS["months"][month - 1]
        return self.fill.pick((
            f"{year}-{month:02}-{day:02}", f"{day} {name} {year}", f"{name} {day}, {year}", f"{day}.{month}.{year}",
            f"{month}/{day}/{year}", f"{day} {name[:3]}", f"{year}-{month:02}-{day:02} {day:02}:{month:02}:00",
        ))  # fmt: skip

    def _varied(self, document: Labelled) -> Labelled:
        """Once in a while all small, all capitals, without accents, or cut at both ends."""
        draw = self.random.random()
        text = document.text
        if draw < 0.02 and len(text.lower()) == len(text):
            return Labelled(text.lower(), document.spans)
        if draw < 0.045 and len(text.upper()) == len(text):
            return Labelled(text.upper(), document.spans)
        if draw < 0.09:
            plain = "".join(unicodedata.normalize("NFKD", each)[0] for each in text)
            return Labelled(plain, document.spans)
        return document


def _joined(pieces: list[Labelled], glue: str) -> Labelled:
    text = ""
    spans: list[tuple[int, int, str]] = []
    for piece in pieces:
        text += glue if text else ""
        spans += [(start + len(text), end + len(text), entity) for start, end, entity in piece.spans]
        text += piece.text
    return Labelled(text, tuple(spans))
