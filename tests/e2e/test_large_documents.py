"""Documents too large for an event: uploaded, claimed, parsed, answered from, and gone when erased."""

import time
from pathlib import Path

import httpx
import pytest
from support.checker import Checker, within
from support.live import LiveStack

from staithe.cli.local import Who
from staithe.kernel.events import ContentClaim, DocumentSubmitted
from staithe.kernel.limits import CLAIM_BYTES_MAX, DOCUMENT_BYTES_MAX
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.tail import Tail
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier
from staithe.stack.identities import OPERATOR

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SETTLE_SECONDS_MAX = 60.0
FACT = "The Grauholm crane may lift 47 tonnes at a reach of 18 metres."
MIB = 1024 * 1024


def page(bytes_of_padding: int) -> bytes:
    """A page of which little can be read, as of one with pictures."""
    padding = b"<!-- " + b"p" * bytes_of_padding + b" -->"
    return b"<html><head><title>Crane manual</title></head><body>" + padding + f"<p>{FACT}</p></body></html>".encode()


def put(live: LiveStack, name: str, content: bytes, content_type: str = "text/html") -> httpx.Response:
    with live.client("ingestion", Who("harbour", 3)) as client:
        return client.put(
            f"/v1/documents/{name}", params={"tier": "1", "classification": "INTERNAL", "name": "crane.html"},
            content=content, headers={"Content-Type": content_type}, timeout=60,
        )  # fmt: skip


def state_of(live: LiveStack, name: str) -> dict[str, object]:
    with live.client("ingestion", Who("harbour", 3)) as client:
        state: dict[str, object] = client.get(f"/v1/documents/{name}/status").json()
    return state


def objects(live: LiveStack) -> set[Path]:
    return {each for each in live.paths.objects.rglob("*") if each.is_file()}


def test_large_document_is_claimed_answered_from_and_erased(live: LiveStack) -> None:
    before = objects(live)
    assert put(live, "harbour-large-crane", page(5 * MIB)).status_code == 202
    [stored] = objects(live) - before
    assert "crane" not in str(stored.relative_to(live.paths.objects))
    assert b"Grauholm" not in stored.read_bytes()
    assert stored.stat().st_mode & 0o077 == 0
    assert within(SETTLE_SECONDS_MAX, lambda: state_of(live, "harbour-large-crane")["state"] == "INDEXED")
    answer = live.cli_json("ask", "How much may the Grauholm crane lift?", "--tenant", "harbour")
    assert "47 tonnes" in answer["text"]
    assert live.cli_json("erase", "harbour-large-crane", "--tenant", "harbour")["erased"]
    assert within(SETTLE_SECONDS_MAX, lambda: stored not in objects(live))


def test_event_of_a_large_document_carries_a_claim_and_nothing_of_it(live: LiveStack, checker: Checker) -> None:
    assert put(live, "harbour-large-claim", page(MIB)).status_code == 202
    tail = Tail(checker.local.access(OPERATOR), ["documents.submitted.v1"], from_beginning=True)
    records = []
    while not tail.finished():
        records += [record for record in tail.poll(0.5) if record.key == b"harbour/harbour-large-claim"]
    tail.close()
    events = [checker.codec.decode(record.topic, record.value) for record in records]
    assert [event.claim is not None for event in events] == [True]
    assert (events[0].content, events[0].sealed_content, events[0].name) == (b"", None, "")


def test_command_publishes_files_of_every_size(live: LiveStack, tmp_path: Path) -> None:
    (tmp_path / "small.html").write_bytes(page(10))
    (tmp_path / "large.html").write_bytes(page(2 * DOCUMENT_BYTES_MAX))
    rows = live.cli_json("publish", str(tmp_path), "--tenant", "harbour")
    assert {row["document_id"]: row["fate"] for row in rows} == {"small.html": "indexed", "large.html": "indexed"}


def test_document_over_the_limit_is_refused_at_the_door(live: LiveStack) -> None:
    before = objects(live)
    response = put(live, "harbour-large-too", b"x" * (CLAIM_BYTES_MAX + 1))
    assert response.status_code == 413
    assert str(CLAIM_BYTES_MAX) in response.json()["detail"]
    assert objects(live) == before


def test_large_text_is_told_where_it_stopped(live: LiveStack) -> None:
    assert put(live, "harbour-large-text", b"word " * 200_000, "text/plain").status_code == 202
    assert within(SETTLE_SECONDS_MAX, lambda: state_of(live, "harbour-large-text")["state"] == "DEAD_LETTERED")
    assert state_of(live, "harbour-large-text")["reason_codes"] == ["TEXT_TOO_LARGE"]


def test_claim_that_a_source_makes_up_becomes_a_dead_letter(live: LiveStack, checker: Checker) -> None:
    publisher = Publisher(checker.local.access("source"), checker.codec)
    forged = DocumentSubmitted(
        event_id="made-up", tenant_id=TenantId("harbour"), document_id=DocumentId("harbour-large-forged"),
        occurred_at=int(time.time() * 1000), access=Access(Tier.OFFICE, (), Classification.INTERNAL),
        claim=ContentClaim(sealed_bytes=1000, sealed_sha256=b"x" * 32),
    )  # fmt: skip
    publisher.publish("documents.submitted.v1", forged)
    publisher.close()
    assert within(SETTLE_SECONDS_MAX, lambda: state_of(live, "harbour-large-forged")["state"] == "DEAD_LETTERED")
    assert state_of(live, "harbour-large-forged")["reason_codes"] == ["CLAIM_MISSING"]
