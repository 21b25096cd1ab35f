"""Has a language model word an answer: what may leave, the ledger of what left, the check of what came back."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Unavailable
from staithe.kernel.events import Outcome
from staithe.kernel.identity.caller import Caller
from staithe.kernel.telemetry import Metrics
from staithe.query import limits
from staithe.query.access_rules import NO_RULES, AccessRules
from staithe.query.answer import Answer, Passage
from staithe.query.audit import AuditTrail
from staithe.query.language.gateway import LanguageModel
from staithe.query.language.grounding import ground
from staithe.query.language.prompt import may_be_sent, messages
from staithe.query.language.registry import Provider
from staithe.query.policy import may_leave, refuse_document
from staithe.query.ports import CurrentDocuments
from staithe.query.stage import Answered


class TokenBudget:
    """Tokens of each caller in the hour that runs; counted by one process, forgotten at its end."""

    def __init__(self, tokens_per_hour: int, clock: Clock) -> None:
        self._limit, self._clock = tokens_per_hour, clock
        self._spent: OrderedDict[tuple[str, str, int], int] = OrderedDict()

    def allows(self, caller: Caller) -> bool:
        """Whether the caller has anything left."""
        return self._spent.get(self._key(caller), 0) < self._limit

    def spend(self, caller: Caller, tokens: int) -> None:
        """Count what was sent, or what a reply cost beyond it."""
        key = self._key(caller)
        self._spent[key] = self._spent.pop(key, 0) + tokens
        if len(self._spent) > limits.RATED_CALLERS_MAX:
            self._spent.popitem(last=False)

    def _key(self, caller: Caller) -> tuple[str, str, int]:
        return caller.tenant_id, caller.subject, self._clock.now_ms() // 3_600_000


class AnswerWriter:
    """Words answers through one provider. An extractive answer stands wherever this one has none."""

    def __init__(
        self, provider: Provider, model: LanguageModel, *, current: CurrentDocuments, trail: AuditTrail,
        budget: TokenBudget, clock: Clock, metrics: Metrics, rules: AccessRules = NO_RULES,
    ) -> None:  # fmt: skip
        self._provider, self._model, self._current, self._trail = provider, model, current, trail
        self._budget, self._clock, self._rules = budget, clock, rules
        self._outcomes = metrics.counter("language_requests_total", "Answers asked of a language model.", ("outcome",))
        self._dropped = metrics.counter("language_sentences_dropped_total", "Sentences that nothing bore out.")

    async def write(self, caller: Caller, question: str, answered: Answered, *, traceparent: str) -> Answer | None:
        """The answer in the model's words, or None: nothing may be sent, nothing came back, or nothing of it stood.

        Raises as `AuditTrail.record` does: without a ledger nothing is sent.
        """
        passages = self._permitted(caller, answered.passages)
        why = "" if passages else "NOTHING_PERMITTED"
        why = why or ("" if may_be_sent(question) else "QUESTION_PERSONAL")
        why = why or ("" if self._budget.allows(caller) else "BUDGET_SPENT")
        if why:
            self._outcomes.labels(why.lower()).inc()
            return None
        asked = messages(question, [each.text for each in passages])
        # Spent before it is asked: requests that run side by side must not each find the budget whole.
        reserved = _characters(asked) // _CHARACTERS_PER_TOKEN
        self._budget.spend(caller, reserved)
        ledger = await self._record_egress(caller, asked, passages, traceparent)
        try:
            reply = await self._model.ask(asked)
        except Unavailable as error:
            await self._record_return(caller, ledger, traceparent, reason_code=error.reason_code)
            return None
        self._budget.spend(caller, max(0, reply.tokens - reserved))
        # In a thread: comparing with every sentence that was sent takes tens of milliseconds.
        grounded = await asyncio.to_thread(ground, reply.text, passages, answered.answer.support)
        self._dropped.inc(grounded.dropped)
        counts = {
            "token_count": str(reply.tokens), "sentences": str(len(grounded.answer.sentences)),
            "dropped": str(grounded.dropped),
        }  # fmt: skip
        await self._record_return(caller, ledger, traceparent, counts=counts, reply=reply.text.encode())
        return grounded.answer if grounded.answer.answered else None

    def _permitted(self, caller: Caller, passages: Sequence[Passage]) -> list[Passage]:
        """The passages that may go to the provider by their documents' labels of now; within a bound, best first."""
        terms, now_ms = self._provider.terms, self._clock.now_ms()
        permitted: list[Passage] = []
        characters = 0
        for each in sorted(passages, key=lambda passage: -passage.score):
            document = self._current.get(caller.tenant_id, each.chunk.document_id)
            if document is None or refuse_document(caller, document, now_ms=now_ms, rules=self._rules) is not None:
                continue
            current = document.document_version == each.chunk.document_version
            fits = characters + len(each.text) <= limits.LANGUAGE_CHARACTERS_MAX
            if current and fits and may_leave(document, terms):
                permitted.append(each)
                characters += len(each.text)
        return permitted

    async def _record_egress(
        self, caller: Caller, asked: list[dict[str, str]], passages: Sequence[Passage], traceparent: str
    ) -> str:
        """The ledger's entry, durable before anything is sent; returns its id."""
        entry = self._trail.new_id()
        sent = json.dumps(asked, ensure_ascii=False).encode()
        await self._trail.record(
            "language.requested", caller=caller, event_id=entry, response=sent, traceparent=traceparent,
            attributes={
                "provider": self._provider.name, "passages": str(len(passages)), "text_bytes": str(len(sent)),
            },
        )  # fmt: skip
        return entry

    async def _record_return(
        self, caller: Caller, ledger: str, traceparent: str, *, reason_code: str = "",
        counts: dict[str, str] | None = None, reply: bytes | None = None,
    ) -> None:  # fmt: skip
        self._outcomes.labels(reason_code.lower() or "answered").inc()
        await self._trail.record(
            "language.answered", caller=caller, outcome=Outcome.FAILURE if reason_code else Outcome.SUCCESS,
            reason_code=reason_code, response=reply, traceparent=traceparent,
            attributes={"provider": self._provider.name, "request_id": ledger, **(counts or {})},
        )  # fmt: skip

    async def close(self) -> None:
        """Let connections go."""
        await self._model.close()


_CHARACTERS_PER_TOKEN: Final = 4
"""Of English, about."""


def _characters(asked: list[dict[str, str]]) -> int:
    return sum(len(each["content"]) for each in asked)
