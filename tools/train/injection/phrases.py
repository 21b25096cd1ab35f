"""Labelled passages: lines of attacks.txt and benign.txt with their alternatives drawn and their slots filled."""

import re
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
ALTERNATIVES = re.compile(r"\(([^()]*\|[^()]*)\)")
SLOT = re.compile(r"\{(\w+)\}")


class Phrases:
    """An endless supply; `held_out` takes every sixth line, which training never sees."""

    def __init__(self, seed: int, *, held_out: bool) -> None:
        self.random = Random(seed)  # noqa: S311 - reproducible on purpose
        self.slots: dict[str, list[str]] = tomllib.loads((HERE / "slots.toml").read_text())
        self.attacks, self.benign = (
            [
                line
                for line in (HERE / name).read_text().splitlines()
                if (zlib.crc32(line.encode()) % 6 == 0) == held_out
            ]
            for name in ("attacks.txt", "benign.txt")
        )

    def passages(self, count: int) -> Iterator[tuple[str, bool]]:
        """`count` passages and whether each holds an attack; most attacks stand among harmless sentences."""
        for _ in range(count):
            attack = self.random.random() < 0.4
            around = [
                self.drawn(self.benign)
                for _ in range(self.random.choice((0, 0, 1, 1, 2, 3) if attack else (1, 1, 1, 2, 3)))
            ]
            if attack:
                around.insert(self.random.randint(0, len(around)), self.drawn(self.attacks))
            yield self.random.choice((" ", " ", "\n")).join(around), attack

    def drawn(self, lines: list[str]) -> str:
        """A line with alternatives drawn and slots filled, now and then in capitals or small letters."""
        line = self.random.choice(lines)
        while ALTERNATIVES.search(line):
            line = ALTERNATIVES.sub(lambda match: self.random.choice(match[1].split("|")), line)
        for _ in range(3):  # a slot's word may name a slot
            line = SLOT.sub(self._slot, line)
        line = line[:1].upper() + line[1:]
        draw = self.random.random()
        return line.upper() if draw < 0.03 else line.lower() if draw < 0.2 else line

    def _slot(self, match: re.Match[str]) -> str:
        if match[1] == "n":
            return str(self.random.randint(2, 99))
        return self.random.choice(self.slots.get(match[1], [match[0]]))
