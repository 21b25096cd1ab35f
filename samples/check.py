"""Checks the sample corpus against its manifest and its questions; exits 1 on any fault.

    python samples/check.py [--root FOLDER]

Needs PyYAML. What is checked: manifest and files match one to one, labels are known words, document ids are
unique, built files are fresh, every answer stands word for word in an expected document that the caller may
see, no forbidden answer can be seen, updates change the fact they name, and everything personal is invented
(example domains, telephone numbers reserved for fiction, test card numbers, IBANs with a right checksum).
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from build import WRITERS, stale_files
from extract import plain_text

HERE = Path(__file__).resolve().parent
TENANTS = ("harbour", "millrace")
CLASSIFICATIONS = {"PUBLIC", "INTERNAL", "CONFIDENTIAL", "RESTRICTED"}
CONTENT_TYPES = {
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".html": "text/html",
    ".csv": "text/csv",
    ".json": "application/json",
    ".eml": "message/rfc822",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
FIELDS = {
    "path", "tenant_id", "document_id", "title", "content_type", "tier", "groups", "classification",
    "residency", "retention_until",
}  # fmt: skip
UPDATE_FIELDS = FIELDS | {"question", "old_answer", "new_answer"}
QUESTIONS_MIN, UNANSWERABLE_MIN, FORBIDDEN_MIN = 44, 6, 4
TEST_CARDS = {"4111111111111111", "5555555555554444"}

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_EMAIL = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
_PHONE = re.compile(r"(?:\+44 ?\d{2,4}|\b0\d{4}) ?\d{3,4} ?\d{3,4}\b")
_FICTION_PHONE = re.compile(r"\+44 20 7946 0\d{3}|01632 960\d{3}|\+44 7700 900\d{3}")
_CARD = re.compile(r"\b\d{4} \d{4} \d{4} \d{4}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")

Row = dict[str, Any]


def out(line: str) -> None:
    """Print one line."""
    sys.stdout.write(line + "\n")


def visible(document: Row, caller: Row) -> bool:
    """Say whether a caller may see a document: same tenant, tier not above theirs, and a group in common
    unless the document names none."""
    return (
        document["tenant_id"] == caller["tenant_id"]
        and document["tier"] <= caller["tier"]
        and (not document["groups"] or bool(set(document["groups"]) & set(caller["groups"])))
    )


def manifest_faults(root: Path, manifest: Row) -> Iterator[str]:
    """Yield what is wrong with the list of documents."""
    documents, updates = manifest["documents"], manifest["updates"]
    for document in documents:
        yield from _document_faults(root, document, FIELDS)
    for update in updates:
        yield from _document_faults(root, update, UPDATE_FIELDS)
    for field in ("document_id", "path"):
        for value, count in Counter(document[field] for document in documents).items():
            if count > 1:
                yield f"{field} {value} is in the manifest {count} times"
    listed = {row["path"] for row in [*documents, *updates]}
    for folder in (*TENANTS, "updates"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.relative_to(root).as_posix() not in listed:
                yield f"{path.relative_to(root)} is not in the manifest"


def _document_faults(root: Path, document: Row, fields: set[str]) -> Iterator[str]:
    name = document.get("document_id", "?")
    if set(document) != fields:
        yield f"{name}: fields {sorted(set(document) ^ fields)} are missing or unknown"
        return
    path = root / document["path"]
    if not path.is_file():
        yield f"{name}: {document['path']} does not exist"
    elif path.stat().st_size == 0:
        yield f"{name}: {document['path']} is empty"
    retention = document["retention_until"]
    checks = {
        "tenant_id": document["tenant_id"] in TENANTS and str(name).startswith(document["tenant_id"]),
        "path": document["path"].split("/")[0] in {document["tenant_id"], "updates"},
        "content_type": CONTENT_TYPES.get(path.suffix) == document["content_type"],
        "tier": document["tier"] in {1, 2, 3},
        "groups": isinstance(document["groups"], list),
        "classification": document["classification"] in CLASSIFICATIONS,
        "residency": document["residency"] == "eu",
        "retention_until": retention is None or bool(_RFC3339.fullmatch(str(retention))),
    }
    yield from (f"{name}: {field} is wrong" for field, right in checks.items() if not right)


def question_faults(documents: dict[str, Row], texts: dict[str, str], questions: Row) -> Iterator[str]:
    """Yield what is wrong with the labelled questions."""
    sizes = {"questions": QUESTIONS_MIN, "unanswerable": UNANSWERABLE_MIN, "forbidden": FORBIDDEN_MIN}
    for section, least in sizes.items():
        if len(questions[section]) < least:
            yield f"{section}: {len(questions[section])} entries, at least {least} wanted"
    ids = Counter(row["id"] for section in sizes for row in questions[section])
    yield from (f"question id {name} is used {count} times" for name, count in ids.items() if count > 1)
    for row in questions["questions"]:
        yield from _answer_faults(documents, texts, row)
    for row in (*questions["unanswerable"], *questions["forbidden"]):
        if row["expected_documents"]:
            yield f"{row['id']}: expects documents although no answer may come"
    for row in questions["forbidden"]:
        yield from _forbidden_faults(documents, texts, row)


def _answer_faults(documents: dict[str, Row], texts: dict[str, str], row: Row) -> Iterator[str]:
    unknown = [name for name in row["expected_documents"] if name not in documents]
    if unknown or not row["expected_documents"]:
        yield f"{row['id']}: unknown or no expected documents {unknown}"
        return
    for name in row["expected_documents"]:
        if not visible(documents[name], row):
            yield f"{row['id']}: the caller may not see {name}"
        if row["answer_contains"] not in texts[name]:
            yield f"{row['id']}: answer_contains is not in {name}"
    if row["question"].rstrip("?") in " ".join(texts[name] for name in row["expected_documents"]):
        yield f"{row['id']}: the question is copied from the document"


def _forbidden_faults(documents: dict[str, Row], texts: dict[str, str], row: Row) -> Iterator[str]:
    for name in row["forbidden_documents"]:
        if visible(documents[name], row):
            yield f"{row['id']}: the caller may see {name}"
        if row["must_not_contain"] not in texts[name]:
            yield f"{row['id']}: must_not_contain is not in {name}"
    for name, document in documents.items():
        if visible(document, row) and row["must_not_contain"] in texts[name]:
            yield f"{row['id']}: the answer can also be seen in {name}"


def update_faults(root: Path, manifest: Row, texts: dict[str, str]) -> Iterator[str]:
    """Yield updates that do not replace the fact they name."""
    for update in manifest["updates"]:
        name, new = update["document_id"], plain_text(root / update["path"])
        if name not in texts:
            yield f"update of {name}: no such document"
            continue
        old = texts[name]
        if update["old_answer"] not in old or update["old_answer"] in new:
            yield f"update of {name}: old_answer must be in the first version only"
        if update["new_answer"] not in new or update["new_answer"] in old:
            yield f"update of {name}: new_answer must be in the second version only"


def invention_faults(name: str, text: str, tier: int) -> Iterator[str]:
    """Yield personal data that might belong to somebody. The text itself is never repeated."""
    emails, phones = _EMAIL.findall(text), _PHONE.findall(text)
    if not all(re.search(r"(^|\.)example\.(com|org|net)$", domain) for domain in emails):
        yield f"{name}: an e-mail address outside the example domains"
    if not all(_FICTION_PHONE.fullmatch(phone) for phone in phones):
        yield f"{name}: a telephone number outside the ranges reserved for fiction"
    if not all(card.replace(" ", "") in TEST_CARDS for card in _CARD.findall(text)):
        yield f"{name}: a card number that is not a known test number"
    if not all(_iban_is_valid(iban) for iban in _IBAN.findall(text)):
        yield f"{name}: an IBAN with a wrong checksum"
    if tier == 2 and (emails or phones):
        yield f"{name}: personal data in an analytics document"


def _iban_is_valid(iban: str) -> bool:
    packed = iban.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in packed[4:] + packed[:4])) % 97 == 1


def counts_table(documents: list[Row]) -> list[str]:
    """Return lines that count documents by tenant, tier and format."""
    tenants = [*TENANTS, "all"]
    lines = [f"{'':16}" + "".join(f"{tenant:>10}" for tenant in tenants)]
    rows = {f"tier {tier}": [d for d in documents if d["tier"] == tier] for tier in (1, 2, 3)}
    rows |= {suffix[1:]: [d for d in documents if d["path"].endswith(suffix)] for suffix in CONTENT_TYPES}
    rows |= {"with groups": [d for d in documents if d["groups"]], "documents": documents}
    for label, chosen in rows.items():
        numbers = [sum(d["tenant_id"] == tenant for d in chosen) for tenant in TENANTS]
        lines.append(f"{label:16}" + "".join(f"{n:>10}" for n in [*numbers, len(chosen)]))
    return lines


def check(root: Path) -> tuple[list[str], list[str]]:
    """Return (faults, lines to show) for the corpus below root."""
    manifest = yaml.safe_load((root / "manifest.yaml").read_text(encoding="utf-8"))
    questions = yaml.safe_load((root / "questions.yaml").read_text(encoding="utf-8"))
    faults = [*manifest_faults(root, manifest), *(f"stale: {path.name}" for path in stale_files(root))]
    if faults:
        return faults, []
    documents = {row["document_id"]: row for row in manifest["documents"]}
    texts = {name: plain_text(root / row["path"]) for name, row in documents.items()}
    faults = [*question_faults(documents, texts, questions), *update_faults(root, manifest, texts)]
    for name, text in texts.items():
        path = root / documents[name]["path"]
        # The whole file, not its visible text: mail headers and hidden HTML hold addresses too.
        content = text if path.suffix in WRITERS else path.read_text(encoding="utf-8")
        faults.extend(invention_faults(name, content, documents[name]["tier"]))
    words = sum(len(text.split()) for text in texts.values())
    sections = ", ".join(f"{len(rows)} {section}" for section, rows in questions.items())
    return faults, [*counts_table(manifest["documents"]), f"words {words}; {sections}"]


def main() -> int:
    """Run all checks; the return value is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=HERE, help="the samples folder to check")
    faults, lines = check(parser.parse_args().root)
    for line in lines:
        out(line)
    for fault in faults:
        out(f"FAULT {fault}")
    out(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
