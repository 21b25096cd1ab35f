"""Reviews of held documents: who may do what next, and the signed word that sanitization acts on.

A release needs two people: one asks, another approves exactly what was asked. Their identities come from verified
tokens; here and on the broker they are HMACs, so that whoever reads the topic cannot try likely names against them.
"""

import hmac
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from staithe.kernel.clock import Clock
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.files import read_secret
from staithe.kernel.identity.caller import Caller
from staithe.kernel.ids import new_event_id
from staithe.kernel.problems import Problem
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed, HoldState

REVIEWED_TOPIC: Final = "documents.reviewed.v1"
KEY_BYTES_MIN: Final = 32
REASONS_MAX: Final = 8
"""A document is held for a handful of reasons; the audit log's attribute takes these many."""


class Reviewers:
    """Stands for people without naming them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> "Reviewers":
        """Under the key in `path`; raises ConfigurationError when the file holds too little.

        The key must stay: under a new one, the person who asked would look like another and could approve.
        """
        key = read_secret(path)
        if len(key) < KEY_BYTES_MIN:
            raise ConfigurationError(
                f"{path} must hold at least {KEY_BYTES_MIN} random bytes", reason_code="AUDIT_KEY_SHORT"
            )
        return cls(key)

    def of(self, caller: Caller) -> bytes:
        """The 32 bytes that stand for `caller`."""
        return hmac.digest(self._key, f"staithe/reviewer/v1\0{caller.tenant_id}\0{caller.subject}".encode(), "sha256")


def pending(held: DocumentHeld, reviewed: DocumentReviewed | None) -> DocumentReviewed | None:
    """The newest word on this very hold, if there is one."""
    return reviewed if reviewed is not None and reviewed.held_event_id == held.event_id else None


def checked_waiver(held: DocumentHeld, named: Iterable[str]) -> tuple[str, ...]:
    """The reasons to waive, sorted: those named, or all; raises Problem 422 for one that did not hold the document."""
    waived = tuple(sorted(set(named))) or tuple(sorted(held.reason_codes))
    if not set(waived) <= set(held.reason_codes) or len(waived) > REASONS_MAX:
        raise Problem(422, "reason-unknown", "Name only reasons for which this version is held.")
    return waived


def next_decision(asked: DocumentReviewed | None, reviewer: bytes, waived: tuple[str, ...]) -> Decision:
    """What a reviewer's wish to release comes to; raises Problem 409 when it may come to nothing."""
    if asked is None:
        return Decision.ASKED
    if asked.decision is not Decision.ASKED:
        raise Problem(409, "review-decided", "This hold was decided already; its status will follow.")
    if hmac.compare_digest(asked.asked_by, reviewer):
        if asked.waived_reasons == waived:
            raise Problem(409, "second-reviewer-needed", "You have asked already; another person must approve it.")
        return Decision.ASKED
    if asked.waived_reasons != waived:
        names = ", ".join(asked.waived_reasons)
        raise Problem(409, "waiver-differs", f"The release was asked for waiving {names}; approve exactly that.")
    return Decision.RELEASED


class ReviewAuthor:
    """Signs reviews in the name of this service."""

    def __init__(self, signer: Signer, clock: Clock) -> None:
        self._signer, self._clock = signer, clock

    def review(
        self, held: DocumentHeld, decision: Decision, *, waived: tuple[str, ...] = (), asked_by: bytes = b"",
        decided_by: bytes = b"",
    ) -> DocumentReviewed:  # fmt: skip
        """A signed word on a hold, dated now."""
        now = self._clock.now_ms()
        unsigned = DocumentReviewed(
            event_id=new_event_id(now), tenant_id=held.tenant_id, document_id=held.document_id,
            document_version=held.document_version, held_event_id=held.event_id, decision=decision,
            waived_reasons=waived, asked_by=asked_by, decided_by=decided_by, occurred_at=now,
        )  # fmt: skip
        return replace(unsigned, signature=self._signer.sign(unsigned.signed_bytes()))


def is_open(held: DocumentHeld | None, version: int | None = None) -> bool:
    """Whether `held` is a hold that waits for a decision, of this version if one is given."""
    return held is not None and held.state is HoldState.HELD and version in (None, held.document_version)
