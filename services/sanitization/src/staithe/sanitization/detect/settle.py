"""Settles between findings that meet, and turns bytes into characters. Pure."""

from bisect import bisect_left, bisect_right, insort
from typing import Final

from staithe.sanitization.detect.entities import ENTITIES, Group
from staithe.sanitization.detect.finding import Finding

_RANK: Final = {entity: rank for rank, entity in enumerate(ENTITIES)}


def _place(finding: Finding) -> tuple[int, int]:
    return finding.start, finding.end


def settled(findings: list[Finding]) -> list[Finding]:
    """The same findings in order and none overlapping.

    Where two meet, the more harmful stays whole, then the longer. What sticks out of the other stays a finding as
    well, unless it is of ordinary kind, so that nothing becomes visible by standing beside something worse.
    """
    findings.sort(key=_place)
    kept: list[Finding] = []
    first, reach = 0, 0
    for index, each in enumerate(findings):
        if each.start >= reach:
            kept += _settled_among(findings[first:index])
            first = index
        reach = max(reach, each.end)
    return kept + _settled_among(findings[first:])


def _settled_among(findings: list[Finding]) -> list[Finding]:
    """The same for findings each of which meets another."""
    if len(findings) < 2:
        return findings
    kept: list[Finding] = []
    for each in sorted(findings, key=lambda one: (_RANK.get(one.entity, len(_RANK)), one.start - one.end, one.start)):
        for start, end in _uncovered(kept, each):
            if start == each.start and end == each.end:
                insort(kept, each, key=_place)
            elif ENTITIES.get(each.entity) is not Group.ORDINARY:
                insort(kept, each._replace(start=start, end=end), key=_place)
    return kept


def _uncovered(kept: list[Finding], finding: Finding) -> list[tuple[int, int]]:
    """The parts of a finding that none of `kept`, which are in order, covers."""
    first = max(0, bisect_right(kept, finding.start, key=lambda one: one.start) - 1)
    last = bisect_left(kept, finding.end, key=lambda one: one.start)
    parts, start = [], finding.start
    for each in kept[first:last]:
        if each.start > start:
            parts.append((start, each.start))
        start = max(start, each.end)
    if start < finding.end:
        parts.append((start, finding.end))
    return parts


def in_characters(encoded: bytes, found: list[Finding]) -> list[Finding]:
    """The same findings, in order, with spans counted in characters instead of bytes of UTF-8."""
    converted: list[Finding] = []
    bytes_before = characters_before = 0
    for each in found:
        start = characters_before + len(encoded[bytes_before : each.start].decode(errors="ignore"))
        end = start + len(encoded[each.start : each.end].decode(errors="ignore"))
        converted.append(Finding(each.entity, start, end, each.score, each.detector))
        bytes_before, characters_before = each.end, end
    return converted
