"""Times single documents from before the send until a search returns them, on a stack with nothing else to do."""

import time
from itertools import count
from typing import Final

from chart import Bars
from measure import milliseconds, percentile
from report import Section, Table
from support.live import LiveStack

from staithe.cli.local import Who
from staithe.kernel.clock import SystemClock
from staithe.kernel.events import DocumentSubmitted
from staithe.kernel.ids import new_event_id
from staithe.kernel.lineage import sha256
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier

DOCUMENTS: Final = 50
DOCUMENT_BYTES: Final = 2048
POLL_SECONDS: Final = 0.005
PAUSE_SECONDS: Final = 0.2
FOUND_SECONDS_MAX: Final = 60.0
TENANT: Final = "harbour"
_THINGS: Final = ("lathe", "kiln", "planer", "crane", "press", "boiler", "pump", "ladder", "trolley", "compressor")
_PLACES: Final = ("north shed", "south shed", "paint shop", "timber yard", "packing hall")


def measure_freshness(stack: LiveStack) -> Section:
    """The whole section."""
    local = stack.local()
    codec = local.codec()
    publisher = Publisher(local.access("source"), codec)
    headers = {"Authorization": f"Bearer {local.token(Who(TENANT))}"}
    seconds = []
    with stack.client("query", None) as client:
        client.post("/v1/search", json={"question": "warm the connection"}, headers=headers).raise_for_status()
        for number in range(DOCUMENTS):
            title, event = a_document("fresh", number)
            begin = time.perf_counter()
            publisher.publish("documents.submitted.v1", event)
            for _ in count():
                answer = client.post("/v1/search", json={"question": title, "limit": 50}, headers=headers)
                found = answer.raise_for_status().json()["results"]
                passed = time.perf_counter() - begin
                if any(each["document_id"] == event.document_id for each in found):
                    break
                if passed > FOUND_SECONDS_MAX:
                    raise SystemExit(f"a document was not found {FOUND_SECONDS_MAX:.0f} s after its publication")
                time.sleep(POLL_SECONDS)
            seconds.append(passed)
            time.sleep(PAUSE_SECONDS)
    publisher.close()
    codec.close()
    ranks = {
        "p50": percentile(seconds, 50),
        "p90": percentile(seconds, 90),
        "p99": percentile(seconds, 99),
        "max": max(seconds),
    }
    section = Section("freshness", "Freshness: from publication to searchable")
    section.tables.append(Table(("documents", *ranks), [[str(len(seconds)), *map(milliseconds, ranks.values())]]))
    section.charts.append(
        Bars(
            "From before the send to the first search that returns it",
            [(name, value * 1000) for name, value in ranks.items()],
            "ms",
        )
    )
    section.notes.append(
        f"{DOCUMENTS} documents of {DOCUMENT_BYTES} bytes, one after the other, the stack otherwise idle; "
        "searches follow each other until one returns the document."
    )
    return section


def a_document(series: str, number: int) -> tuple[str, DocumentSubmitted]:
    """A document of a series about something of its own, and what to search for."""
    thing, place = _THINGS[number % len(_THINGS)], _PLACES[number // len(_THINGS)]
    title = f"Inspection of the {thing} in the {place}"
    sentence = f"The {thing} in the {place} was inspected and found in good order, sheet {number}. "
    content = f"# {title}\n\n{sentence * (DOCUMENT_BYTES // len(sentence) + 1)}".encode()[:DOCUMENT_BYTES]
    now_ms = SystemClock().now_ms()
    return title, DocumentSubmitted(
        event_id=new_event_id(now_ms), tenant_id=TenantId(TENANT), document_id=DocumentId(f"{series}-{number}"),
        occurred_at=now_ms, document_version=now_ms, access=Access(Tier.OFFICE, (), Classification.INTERNAL),
        retention_until=None, residency="eu", content_sha256=sha256(content), source="bench",
        name=f"{series}-{number}.md", content_type="text/markdown", content=content,
    )  # fmt: skip
