"""Judges a whole document: name, title and text under one ruling, with what parsing noticed. A library."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from staithe.kernel.errors import InvalidEvent
from staithe.kernel.limits import TEXT_CHARACTERS_MAX
from staithe.sanitization.engine import INJECTION_SIGNAL, INVISIBLE_SIGNAL, Engine, Judged, SafeText, reason_codes
from staithe.sanitization.policy import Decision, DocumentLabels, Verdict, verdict_of

FIELDS: Final = ("name", "title", "text")


@dataclass(frozen=True, slots=True)
class SafeDocument:
    """A document as it may pass, or why it may not."""

    parts: Mapping[str, SafeText]
    signals: Mapping[str, float]
    decisions: tuple[Decision, ...]

    @property
    def name(self) -> str:
        return self.parts["name"].text

    @property
    def title(self) -> str:
        return self.parts["title"].text

    @property
    def text(self) -> str:
        return self.parts["text"].text

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.decisions)

    @property
    def reason_codes(self) -> tuple[str, ...]:
        return reason_codes(self.decisions)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each entity were found, whatever was done to them; removed invisible characters too."""
        counted = Counter(each.entity for _, each in self.findings())
        if invisible := int(self.signals.get(INVISIBLE_SIGNAL, 0)):
            counted[INVISIBLE_SIGNAL] = invisible
        return dict(counted)

    def findings(self) -> Iterator[tuple[str, Judged]]:
        """Field and finding, in order."""
        return ((field, each) for field in FIELDS for each in self.parts[field].findings)


def sanitize_document(
    engine: Engine, labels: DocumentLabels, *, document_id: str, name: str, title: str, text: str,
    signals: Mapping[str, int], content_type: str,
) -> SafeDocument:  # fmt: skip
    """The document made safe; `signals` are the counts that parsing reported, by lower-case name, and `content_type`
    is the type that it recognised.

    Raises DetectionFailed and what else the engine raises, and InvalidEvent (TEXT_TOO_LARGE) when stand-ins made the
    text longer than the next stage takes.
    """
    values = {"name": name, "title": title, "text": text}
    parts = {field: engine.sanitize(values[field], labels, document_id=document_id) for field in FIELDS}
    if len(parts["text"].text) > TEXT_CHARACTERS_MAX:
        raise InvalidEvent(
            f"with its stand-ins the text has more than {TEXT_CHARACTERS_MAX} characters: split the document",
            reason_code="TEXT_TOO_LARGE",
        )
    together: dict[str, float] = {signal.upper(): float(count) for signal, count in signals.items()}
    together[INJECTION_SIGNAL] = max(each.signals[INJECTION_SIGNAL] for each in parts.values())
    together[INVISIBLE_SIGNAL] = sum(each.signals[INVISIBLE_SIGNAL] for each in parts.values())
    on_findings = (each.decision for part in parts.values() for each in part.findings)
    ruling = engine.policy.ruling_for(labels)
    on_whole = (*ruling.on_signals(together), *ruling.on_content_type(content_type))
    return SafeDocument(parts, together, (*on_findings, *on_whole))
