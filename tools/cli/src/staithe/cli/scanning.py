"""What `scan` and `policy` share: documents from files as ingestion reads them, an engine under a policy, labels."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.cli.manifest import CONTENT_TYPES, MANIFEST, DocumentFile, manifest_entries
from staithe.ingestion.parsers.sandbox import ParserProcess
from staithe.kernel.errors import ConfigurationError, StaitheError
from staithe.kernel.limits import DOCUMENT_BYTES_MAX
from staithe.kernel.vocabulary import Classification, Tier
from staithe.sanitization.build import engine_for
from staithe.sanitization.document import SafeDocument, sanitize_document
from staithe.sanitization.engine import Engine
from staithe.sanitization.policy import DocumentLabels
from staithe.sanitization.policy_file import load_policy
from staithe.sanitization.pseudonyms import PseudonymKeys

STANDARD_POLICY: Final = Path("policies/sanitization.yaml")
PLAIN: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file with its text as ingestion read it and what the policy makes of it, or why it could not be read."""

    name: str
    text: str
    document: SafeDocument | None
    error: str = ""
    content_type: str = ""


def engine_under(policy: Path | None) -> Engine:
    """An engine under `policy`, or the checkout's; its pseudonyms are made for this call and never open again."""
    if policy is None and not STANDARD_POLICY.is_file():
        raise ConfigurationError(
            f"there is no {STANDARD_POLICY} here: name a policy with --policy FILE", reason_code="POLICY_UNREADABLE"
        )
    return engine_for(load_policy(policy or STANDARD_POLICY), PseudonymKeys.passing())


def labels_of(tenant: str, tier: int, classification: Classification, source: str) -> DocumentLabels:
    """The labels a scanned text is judged by."""
    return DocumentLabels(tenant, source, Tier(tier), classification)


def scanned(engines: Sequence[Engine], paths: Sequence[Path], labels: DocumentLabels) -> Iterator[tuple[Scanned, ...]]:
    """Each document at `paths` under each engine: files, folders, and folders with a manifest, whose labels count."""
    with closing(ParserProcess()) as parser:
        for path, file_labels in _files(paths, labels):
            yield _scan(engines, parser, path, file_labels)


def _files(paths: Sequence[Path], labels: DocumentLabels) -> Iterator[tuple[Path, DocumentLabels]]:
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"{path} does not exist", reason_code="PATH_MISSING")
        if (path / MANIFEST).is_file():
            for each in manifest_entries(path / MANIFEST, "documents"):
                yield each.path, _labels_in(each, labels)
        elif path.is_dir():
            yield from ((each, labels) for each in sorted(path.rglob("*")) if each.is_file())
        else:
            yield path, labels


def _labels_in(entry: DocumentFile, labels: DocumentLabels) -> DocumentLabels:
    return DocumentLabels(entry.tenant_id, labels.source, entry.access.tier, entry.access.classification)


def _scan(engines: Sequence[Engine], parser: ParserProcess, path: Path, labels: DocumentLabels) -> tuple[Scanned, ...]:
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(DOCUMENT_BYTES_MAX + 1)
        if len(content) > DOCUMENT_BYTES_MAX:
            return (Scanned(name, "", None, f"larger than {DOCUMENT_BYTES_MAX // 1024} KiB"),)
        parsed = parser.parse(content, CONTENT_TYPES.get(path.suffix.lower(), PLAIN))
        return tuple(
            Scanned(
                name, parsed.text,
                sanitize_document(
                    engine, labels, document_id=path.stem, name=path.name, title=parsed.title or "", text=parsed.text,
                    signals=parsed.signals, content_type=parsed.content_type,
                ),
                content_type=parsed.content_type,
            )
            for engine in engines
        )  # fmt: skip
    except OSError as error:
        return (Scanned(name, "", None, error.strerror or "cannot be read"),)
    except StaitheError as error:
        return (Scanned(name, "", None, f"{error.message} ({error.reason_code})"),)
