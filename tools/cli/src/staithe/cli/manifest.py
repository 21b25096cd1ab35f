"""Which documents a folder holds, and their labels: from its manifest.yaml, or the same labels for every file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.vocabulary import Access, Classification, Tier, access_groups

MANIFEST: Final = "manifest.yaml"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CONTENT_TYPES: Final = {
    ".txt": "text/plain", ".md": "text/markdown", ".html": "text/html", ".htm": "text/html", ".csv": "text/csv",
    ".json": "application/json", ".pdf": "application/pdf", ".docx": DOCX, ".eml": "message/rfc822",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file to publish, and under which identity and labels."""

    path: Path
    tenant_id: str
    document_id: str
    content_type: str
    access: Access
    residency: str = "eu"
    retention_until: int | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels for files without a manifest."""

    tenant_id: str
    access: Access


def documents_in(path: Path, labels: Labels | None) -> Iterator[DocumentFile]:
    """The documents at `path`: a file, a folder with a manifest.yaml, or any folder, given `labels`.

    Raises ConfigurationError when there is nothing to publish or no labels for it.
    """
    if not path.exists():
        raise ConfigurationError(f"{path} does not exist", reason_code="PATH_MISSING")
    manifest = path / MANIFEST
    if manifest.is_file():
        yield from manifest_entries(manifest, "documents")
        return
    if labels is None:
        raise ConfigurationError(
            f"{path} has no {MANIFEST}: say whose the documents are with --tenant (and --tier, --classification)",
            reason_code="LABELS_MISSING",
        )
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    for file in files:
        content_type = CONTENT_TYPES.get(file.suffix.lower())
        if content_type is not None:
            yield DocumentFile(file, labels.tenant_id, _slug(file, path), content_type, labels.access)


def manifest_entries(manifest: Path, section: str) -> list[DocumentFile]:
    """The entries of one section of a manifest; raises ConfigurationError with the first fault."""
    try:
        entries = yaml.safe_load(manifest.read_text())[section]
        return [_entry(manifest.parent, each) for each in entries]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{manifest} is no manifest: {error}", reason_code="MANIFEST_INVALID") from error


def _entry(folder: Path, entry: dict[str, Any]) -> DocumentFile:
    until = entry.get("retention_until")
    return DocumentFile(
        path=folder / entry["path"], tenant_id=entry["tenant_id"], document_id=entry["document_id"],
        content_type=entry["content_type"],
        access=Access(
            Tier(entry["tier"]), access_groups(tuple(entry.get("groups", ()))), Classification(entry["classification"])
        ),
        residency=entry.get("residency", "eu"),
        retention_until=int(datetime.fromisoformat(until).timestamp() * 1000) if until else None,
    )  # fmt: skip


def _slug(file: Path, root: Path) -> str:
    """A document id from a path: the same file gets the same id, so publishing again makes a new version."""
    relative = file.relative_to(root) if file != root else Path(file.name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(relative)).strip("-._")[:200] or "document"
