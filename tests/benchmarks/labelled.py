"""Labelled questions and their documents: the samples of this repository, or a folder in the layout of BEIR or TREC.

Such a folder has `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`) and one file of judgements:
`qrels/test.tsv` (query, document, grade) or `qrels` with the four columns of TREC.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from memory_index import Text

from staithe.ingestion.parsers.parse import parse_document
from staithe.kernel.identity.caller import Caller
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier

SAMPLES: Final = Path(__file__).parents[2] / "samples"
TENANT: Final = TenantId("bench")


@dataclass(frozen=True)
class Question:
    """A question, who asks, and the grade of each document that answers it; `row` is the sample's own labels."""

    text: str
    caller: Caller
    relevant: Mapping[str, float]
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Labelled:
    """Documents and questions. `silent` questions must not be answered."""

    name: str
    texts: list[Text]
    questions: list[Question]
    silent: list[Question] = field(default_factory=list)


def samples() -> Labelled:
    """The sample documents as ingestion parses them, and their labelled questions."""
    manifest = yaml.safe_load((SAMPLES / "manifest.yaml").read_text())
    texts = []
    for entry in manifest["documents"]:
        parsed = parse_document((SAMPLES / entry["path"]).read_bytes(), entry["content_type"])
        access = Access(Tier(entry["tier"]), tuple(entry["groups"]), Classification(entry["classification"]))
        name = Path(entry["path"]).name
        tenant, document = TenantId(entry["tenant_id"]), DocumentId(entry["document_id"])
        texts.append(Text(tenant, document, access, name, parsed.title or name, parsed.text))
    asked = yaml.safe_load((SAMPLES / "questions.yaml").read_text())
    return Labelled(
        "samples", texts, [_sample(each) for each in asked["questions"]],
        [_sample(each) for kind in ("unanswerable", "forbidden") for each in asked[kind]],
    )  # fmt: skip


def _sample(row: Mapping[str, Any]) -> Question:
    caller = Caller("bench", TenantId(row["tenant_id"]), Tier(row["tier"]), frozenset(row["groups"]), frozenset())
    return Question(row["question"], caller, dict.fromkeys(row.get("expected_documents", ()), 1.0), row)


def folder(path: Path) -> Labelled:
    """The documents, and the questions that have a judgement, of `path`; everybody may see everything."""
    access = Access(Tier.OFFICE, (), Classification.INTERNAL)
    texts = [
        Text(TENANT, DocumentId(str(each["_id"])), access, "", each.get("title", ""), each["text"])
        for each in _lines(path / "corpus.jsonl")
        if each["text"].strip()
    ]
    grades: dict[str, dict[str, float]] = {}
    for question, document, grade in _judgements(path):
        if grade > 0:
            grades.setdefault(question, {})[document] = grade
    caller = Caller("bench", TENANT, Tier.OFFICE, frozenset(), frozenset())
    questions = [
        Question(each["text"], caller, grades[str(each["_id"])])
        for each in _lines(path / "queries.jsonl")
        if str(each["_id"]) in grades
    ]
    return Labelled(path.name, texts, questions)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _judgements(path: Path) -> Iterator[tuple[str, str, float]]:
    file = next((each for each in (path / "qrels" / "test.tsv", path / "qrels") if each.is_file()), None)
    if file is None:
        raise SystemExit(f"{path} has neither qrels/test.tsv nor qrels")
    for line in file.read_text().splitlines():
        fields = line.split()
        if len(fields) in (3, 4) and fields[-1].lstrip("-").isdigit():
            yield fields[0], fields[-2], float(fields[-1])
