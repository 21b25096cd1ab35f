"""Documents for the load: plain English of a given size, each version with a phrase that no other one has."""

import hashlib
import random
from typing import Final

_FIRST: Final = (
    "amber", "ancient", "bold", "brass", "brave", "bright", "broad", "calm", "clear", "cold", "copper", "crisp",
    "dark", "deep", "dusty", "early", "eager", "faint", "firm", "frozen", "gentle", "golden", "grand", "green",
    "grey", "hollow", "humble", "idle", "iron", "ivory", "keen", "late", "little", "lively", "loyal", "mellow",
    "misty", "modest", "narrow", "noble", "pale", "patient", "plain", "proud", "quiet", "rapid", "ripe", "rough",
    "round", "rustic", "scarlet", "sharp", "silent", "silver", "simple", "slow", "smooth", "solid", "spare", "steady",
    "stout", "sunny", "swift", "tidy",
)  # fmt: skip
_SECOND: Final = (
    "anchor", "anvil", "apple", "arch", "barge", "barrel", "basket", "beacon", "bell", "bench", "boiler", "bridge",
    "brick", "cable", "candle", "canal", "cart", "cedar", "chain", "chisel", "cliff", "clock", "crane", "drum",
    "engine", "ferry", "field", "flint", "forge", "gate", "girder", "grain", "hammer", "harbour", "hedge", "hinge",
    "jetty", "kiln", "ladder", "lantern", "lathe", "ledger", "lever", "lock", "mast", "meadow", "mill", "needle",
    "orchard", "paddle", "pebble", "pier", "plank", "pulley", "quarry", "rope", "saddle", "sluice", "spindle",
    "timber", "tower", "valve", "wagon", "wharf",
)  # fmt: skip
_SENTENCES: Final = (
    "The {a} {b} was checked in the morning and found in good order.",
    "Spare parts for the {a} {b} are kept on the second shelf.",
    "Whoever uses the {a} {b} signs the sheet beside it.",
    "The {a} {b} is cleaned at the end of each week.",
    "Reports about the {a} {b} go to the workshop before noon.",
)
PAIRS: Final = 4
"""Four pairs of 64 times 64 words: 2^48 phrases, so that no two versions of a run share one."""


def canary(document_id: str, version: int) -> str:
    """The phrase that only this version holds: words alone, so that nothing in it looks like personal data."""
    digest = hashlib.sha256(f"{document_id}/{version}".encode()).digest()
    words = [(_FIRST, _SECOND)[place % 2][digest[place] % 64] for place in range(2 * PAIRS)]
    return " ".join(words)


def text(document_id: str, version: int, size: int) -> bytes:
    """A Markdown document of about `size` bytes, the same for the same arguments."""
    chance = random.Random(f"{document_id}/{version}")  # noqa: S311 - words, not keys
    lines = [
        f"# Notes on {chance.choice(_SECOND)} {chance.choice(_SECOND)}",
        "",
        f"Marked {canary(document_id, version)}.",
    ]
    length = sum(map(len, lines))
    while length < size:
        line = chance.choice(_SENTENCES).format(a=chance.choice(_FIRST), b=chance.choice(_SECOND))
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines).encode()
