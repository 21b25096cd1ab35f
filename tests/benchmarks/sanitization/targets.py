"""What was promised of sanitization, held against what one run measured."""

from dataclasses import dataclass
from typing import Final

from report import Section, Table

AT_LEAST: Final = "≥"
AT_MOST: Final = "≤"


@dataclass(frozen=True)
class Target:
    """`measured` is None where this run could not measure it."""

    words: str
    sign: str
    wanted: float
    measured: float | None
    form: str = "{:.3f}"

    @property
    def is_met(self) -> bool:
        """Whether it was measured and reaches what is wanted."""
        if self.measured is None:
            return False
        return self.measured >= self.wanted if self.sign == AT_LEAST else self.measured <= self.wanted

    def row(self) -> list[str]:
        """Its line in the table."""
        if self.measured is None:
            return [self.words, f"{self.sign} {self.form.format(self.wanted)}", "–", "not measured in this run"]
        met = "yes" if self.is_met else "**no**"
        return [self.words, f"{self.sign} {self.form.format(self.wanted)}", self.form.format(self.measured), met]


def section(targets: list[Target]) -> Section:
    """All targets in one table."""
    met = sum(each.is_met for each in targets)
    notes = [
        f"{met} of {len(targets)} targets met. How each was measured stands below, under the section it comes from."
    ]
    table = Table(("target", "wanted", "measured", "met"), [each.row() for each in targets])
    return Section("sanitization-targets", "Targets", [table], [], notes)
