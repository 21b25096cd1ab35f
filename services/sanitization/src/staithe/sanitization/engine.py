"""Makes a text safe under a policy: normalise, detect, decide, rewrite. A library: no Kafka, no files, no clock.

Whoever gets an answer may pass it on; whoever gets an exception must hold the text. There is no third way out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from staithe.kernel.errors import StaitheError
from staithe.sanitization.detect import Finding
from staithe.sanitization.echoes import COMPACT_MIN, Value, find_echoes
from staithe.sanitization.generalise import generalise, shift_date
from staithe.sanitization.normalise import NormalisedText, normalise
from staithe.sanitization.policy import (
    HOLDING,
    Action,
    Decision,
    DocumentLabels,
    Policy,
    Ruling,
    Verdict,
    verdict_of,
)

INJECTION_SIGNAL: Final = "PROMPT_INJECTION"
INVISIBLE_SIGNAL: Final = "INVISIBLE_CHARACTERS"
ECHO_DETECTOR: Final = "echo"
_HIDING: Final = (Action.MASK, Action.PSEUDONYMISE, Action.HASH, Action.DROP, *HOLDING)
"""What is done to a value so that it is seen nowhere: then its other spellings must go too."""
_COARSENING: Final = (Action.GENERALISE, Action.SHIFT_DATE)
"""What lets something of a value be seen: other spellings go too where the value is long enough to be meant by them."""


class DetectionFailed(StaitheError):
    """A detector did not come to an end, so nothing is known of the text: it must be held."""

    default_reason_code = "DETECTION_FAILED"


class Detects(Protocol):
    """Finds entities; thread-safe."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Detector name → version or digest."""
        ...

    def find(self, text: str) -> Sequence[Finding]:
        """Findings in order, none overlapping."""
        ...


class Pseudonyms(Protocol):
    """Makes stand-ins under a tenant's key; raises StaitheError when there is no key."""

    def reversible(self, tenant_id: str, entity: str, value: str) -> str: ...
    def irreversible(self, tenant_id: str, entity: str, value: str) -> str: ...
    def days(self, tenant_id: str, document_id: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding with what was done to it. `start` and `end` count characters of the original text; `value` is what
    stands there for a reader and never leaves the process."""

    entity: str
    start: int
    end: int
    score: float
    detector: str
    decision: Decision
    value: str
    replacement: str


@dataclass(frozen=True, slots=True)
class SafeText:
    """A text as it may be shown, and all that was found in it."""

    text: str
    findings: tuple[Judged, ...]
    signals: Mapping[str, float]
    decisions: tuple[Decision, ...]

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.decisions)

    @property
    def reason_codes(self) -> tuple[str, ...]:
        return reason_codes(self.decisions)


def reason_codes(decisions: Sequence[Decision]) -> tuple[str, ...]:
    """Why a document is held, each reason once, sorted."""
    return tuple(sorted({each.reason_code for each in decisions if each.reason_code}))


class Engine:
    """Applies one policy; one instance serves many threads."""

    def __init__(
        self, policy: Policy, *, detector: Detects, injection_score: Callable[[str], float], pseudonyms: Pseudonyms
    ) -> None:
        self.policy = policy
        self._detector, self._injection_score, self._pseudonyms = detector, injection_score, pseudonyms

    @property
    def versions(self) -> Mapping[str, str]:
        """Detector name → version or digest."""
        return self._detector.versions

    def sanitize(self, text: str, labels: DocumentLabels, *, document_id: str = "") -> SafeText:
        """`text` made safe for documents with these labels; the same input gives the same output.

        Raises DetectionFailed when a detector breaks, and passes on the StaitheError of one that gives up: then
        nothing is known of the text, and it must be held.
        """
        if not text:
            return SafeText("", (), {INJECTION_SIGNAL: 0.0, INVISIBLE_SIGNAL: 0.0}, ())
        ruling = self.policy.ruling_for(labels)
        normal = normalise(text)
        try:
            findings = list(self._detector.find(normal.folded))
            score = float(self._injection_score(normal.folded))
        except StaitheError:
            raise
        except Exception as error:  # whatever it was, the text was not looked at
            raise DetectionFailed(f"a detector ended with {type(error).__name__}") from error
        spans = list(_in_text(normal, findings))
        spans = _merged(normal.text, spans, list(_echoes(normal, spans, ruling)))
        rewriter = _Rewriter(ruling, self._pseudonyms, labels.tenant_id, document_id)
        judged = tuple(self._judged(rewriter, normal, each) for each in spans)
        signals = {INJECTION_SIGNAL: score, INVISIBLE_SIGNAL: float(normal.removed)}
        decisions = (*(each.decision for each in judged), *ruling.on_signals(signals))
        return SafeText(_rewritten(normal.text, spans, judged), judged, signals, decisions)

    @staticmethod
    def _judged(rewriter: "_Rewriter", normal: NormalisedText, finding: Finding) -> Judged:
        value = normal.text[finding.start : finding.end]
        decision = rewriter.ruling.on_finding(finding.entity, finding.score)
        start, end = normal.original_span(finding.start, finding.end)
        return Judged(
            entity=finding.entity, start=start, end=end, score=finding.score, detector=finding.detector,
            decision=decision, value=value, replacement=rewriter.replacement(finding.entity, value, decision.action),
        )  # fmt: skip


class _Rewriter:
    """What stands in the place of a finding in one document."""

    def __init__(self, ruling: Ruling, pseudonyms: Pseudonyms, tenant_id: str, document_id: str) -> None:
        self.ruling = ruling
        self._pseudonyms, self._tenant_id, self._document_id = pseudonyms, tenant_id, document_id

    def replacement(self, entity: str, value: str, action: Action) -> str:
        """What the reader gets to see: the mask unless the action says otherwise and can."""
        mask, tenant = f"[{entity}]", self._tenant_id
        match action:
            case Action.KEEP:
                made: str | None = value
            case Action.DROP:
                made = ""
            case Action.PSEUDONYMISE:
                made = self._pseudonyms.reversible(tenant, entity, value)
            case Action.HASH:
                made = self._pseudonyms.irreversible(tenant, entity, value)
            case Action.GENERALISE:
                made = generalise(entity, value)
            case Action.SHIFT_DATE:
                made = shift_date(value, self._pseudonyms.days(tenant, self._document_id))
            case _:
                made = None
        return mask if made is None else made


def _in_text(normal: NormalisedText, findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings with spans of the readers' text; where two come to share a character, the first keeps it."""
    position = 0
    for each in sorted(findings, key=lambda finding: finding.start):
        start, end = normal.text_span(each.start, each.end)
        start = max(start, position)
        if start < end:
            yield Finding(each.entity, start, end, each.score, each.detector)
            position = end


def _echoes(normal: NormalisedText, findings: Sequence[Finding], ruling: Ruling) -> Iterator[Finding]:
    """Other spellings of the values that must not stay."""
    hidden = [
        Value(value, normalise(value).folded, index)
        for index, each in enumerate(findings)
        for value in [normal.text[each.start : each.end]]
        if _must_not_stay(ruling.on_finding(each.entity, each.score).action, value)
    ]
    in_text, in_folded = find_echoes(normal.text, normal.folded, hidden) if hidden else ([], [])
    for echo in in_text:
        yield _echo_of(findings[echo.label], echo.start, echo.end)
    for echo in in_folded:
        yield _echo_of(findings[echo.label], *normal.text_span(echo.start, echo.end))


def _must_not_stay(action: Action, value: str) -> bool:
    return action in _HIDING or (action in _COARSENING and sum(map(str.isalnum, value)) >= COMPACT_MIN)


def _echo_of(finding: Finding, start: int, end: int) -> Finding:
    return Finding(finding.entity, start, end, finding.score, ECHO_DETECTOR)


def _merged(text: str, findings: Sequence[Finding], echoes: Sequence[Finding]) -> list[Finding]:
    """Both, in order, none overlapping: what was found keeps its place, and of an echo stays what nothing else covers.

    Dropping an echo that meets a finding would leave the rest of it in the text.
    """
    taken = list(findings)
    merged: list[Finding] = []
    position = index = 0
    for echo in sorted(echoes, key=lambda each: (each.start, -each.end)):
        start = echo.start
        while start < echo.end:
            while index < len(taken) and taken[index].end <= start:
                merged.append(taken[index])
                position = taken[index].end
                index += 1
            start = max(start, position)
            met = index < len(taken) and taken[index].start < echo.end
            stop = taken[index].start if met else echo.end
            if any(map(str.isalnum, text[start:stop])):
                merged.append(echo._replace(start=start, end=stop))
                position = stop
            start = taken[index].end if met else echo.end
    return merged + taken[index:]


def _rewritten(text: str, spans: Sequence[Finding], judged: Sequence[Judged]) -> str:
    parts: list[str] = []
    position = 0
    for span, each in zip(spans, judged, strict=True):
        parts += [text[position : span.start], each.replacement]
        position = span.end
    return "".join([*parts, text[position:]])


def counts_of(findings: Sequence[Judged]) -> dict[str, int]:
    """How many of each entity were found, whatever was done to them."""
    return dict(Counter(each.entity for each in findings))
