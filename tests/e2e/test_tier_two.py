"""One document, two readers: tier 1 reads names and days, tier 2 years, regions and masks, of which none leads back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.checker import Checker
from support.live import LiveStack

from staithe.cli.local import Who
from staithe.stack.fates import DocumentKey, Fate

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

GROUP = "quay-office"
QUESTION = "Who reported that the crane {} at the north quay stood still?"
REPORT = """# Crane {} at the north quay

On 12 March 2026 Jane Whitfield reported that the crane {} at the north quay stood still. She is 42 years old, was born
on 3 May 1984 and lives at 14 Harbour View Road, Bristol BS1 4DJ. Her colleague Tobias Brandt called +44 20 7946 0958
and wrote to jane.whitfield@example.com from 8.8.4.4.
"""
PERSONAL = (
    "Jane", "Whitfield", "Tobias", "Brandt", "12 March", "3 May", "Harbour View", "BS1 4DJ", "7946", "8.8.4.4",
    "example.com",
)  # fmt: skip
REVERSIBLE = re.compile(r"\[[A-Z_]+[:#]")
"""A pseudonym, with or without a way back."""


def publish(live: LiveStack, document_id: str, content: str, **labels: Any) -> tuple[DocumentKey, int]:
    given = {"classification": "INTERNAL", "name": "Report of Jane Whitfield", **labels}
    with live.client("ingestion", Who("harbour", 3, (GROUP,))) as client:
        answer = client.put(
            f"/v1/documents/{document_id}", params=given, content=content.encode(),
            headers={"Content-Type": "text/markdown"},
        )  # fmt: skip
    assert answer.status_code == 202, answer.text
    return DocumentKey("harbour", document_id), int(answer.json()["document_version"])


def seen_by(live: LiveStack, who: Who, question: str, document_id: str) -> tuple[dict[str, Any], str]:
    """The answer and the whole of what the caller can read of the document, results and content included."""
    with live.client("query", who) as client:
        answer: dict[str, Any] = client.post("/v1/answers", json={"question": question}).raise_for_status().json()
        found = client.post("/v1/search", json={"question": question, "limit": 50}).raise_for_status().json()["results"]
        of_it = [each for each in found if each["document_id"] == document_id]
        content = client.get(f"/v1/documents/{document_id}/content").text
        about = client.get(f"/v1/documents/{document_id}").text
    return answer, "\n".join([json.dumps(answer), json.dumps(of_it), content, about])


def test_tier_two_reads_the_same_document_without_anybody_in_it(
    live: LiveStack, checker: Checker, tmp_path: Path
) -> None:
    stamp = f"K{abs(hash(tmp_path)) % 10**6}x"
    question, report = QUESTION.format(stamp), REPORT.format(stamp, stamp)
    office, analytics = f"crane-{stamp.lower()}", f"crane-{stamp.lower()}-analytics"
    versions = [
        publish(live, office, report, tier=1, groups=GROUP), publish(live, analytics, report, tier=2),
    ]  # fmt: skip
    assert set(checker.fates(versions).values()) == {Fate.INDEXED}

    answer, text = seen_by(live, Who("harbour", 1, (GROUP,)), question, office)
    assert {each["document_id"] for each in answer["citations"]} >= {office}
    assert "Jane Whitfield" in text
    assert "12 March 2026" in text
    assert analytics not in text

    answer, text = seen_by(live, Who("harbour", 2), question, analytics)
    assert {each["document_id"] for each in answer["citations"]} >= {analytics}
    assert office not in {each["document_id"] for each in answer["citations"]}
    assert [each for each in PERSONAL if each in text] == []
    assert all(mask in text for mask in ("[PERSON]", "[YEAR 2026]", "[AGE 40-49]", "[YEAR 1984]", "[PHONE]", "[EMAIL]"))
    assert REVERSIBLE.search(text) is None
    opened = live.cli("reidentify", "--tenant", "harbour", "--file", str(_written(tmp_path, text)))
    assert opened.returncode == 0
    assert "0 opened" in opened.stderr

    with live.client("query", Who("harbour", 2)) as client:
        assert client.get(f"/v1/documents/{office}/content").status_code == 404


def _written(folder: Path, text: str) -> Path:
    path = folder / "seen.txt"
    path.write_text(text)
    return path
