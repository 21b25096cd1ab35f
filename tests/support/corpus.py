"""The sample corpus with its labels and questions, and the text of its files by another reader than the product's."""

import hashlib
import importlib.util
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from staithe.cli.local import Who
from support.live import REPOSITORY

SAMPLES: Final = REPOSITORY / "samples"
DOCUMENTS: Final = 87
_MASK: Final = re.compile(r"\[[A-Z_]{3,24}\]")


@cache
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SAMPLES / "manifest.yaml").read_text())
    return loaded


@cache
def questions() -> dict[str, list[dict[str, Any]]]:
    loaded: dict[str, list[dict[str, Any]]] = yaml.safe_load((SAMPLES / "questions.yaml").read_text())
    return loaded


def documents() -> dict[str, dict[str, Any]]:
    """The manifest's entries by document id."""
    return {each["document_id"]: each for each in manifest()["documents"]}


def caller_of(row: dict[str, Any]) -> Who:
    """Whom a labelled question is asked by."""
    return Who(row["tenant_id"], row["tier"], tuple(row["groups"]))


def may_see(row: dict[str, Any], document: dict[str, Any]) -> bool:
    """The access rule, as the corpus states it and written down a second time on purpose."""
    return (
        document["tenant_id"] == row["tenant_id"]
        and document["tier"] <= row["tier"]
        and (not document["groups"] or bool(set(document["groups"]) & set(row["groups"])))
    )


def collapsed(text: str) -> str:
    return " ".join(text.split())


def source_bytes(document_id: str) -> bytes:
    """A sample's file, as it is."""
    return (SAMPLES / str(documents()[document_id]["path"])).read_bytes()


def source_sha256(document_id: str) -> str:
    """The SHA-256 of a sample's file, in hexadecimal."""
    return hashlib.sha256(source_bytes(document_id)).hexdigest()


@cache
def source_text(document_id: str) -> str:
    """The visible text of a sample, every run of white space as one space."""
    spec = importlib.util.spec_from_file_location("samples_extract", SAMPLES / "extract.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.plain_text(SAMPLES / documents()[document_id]["path"]))


def stands_in(quote: str, document_id: str) -> bool:
    """Whether a quotation stands word for word in a sample, but for what sanitization has masked and white space.

    A row of CSV or JSON and a mail's head are quoted as lines of `name: value` (for JSON with the name's path), a row
    of a table as `cell | cell`: there, each part must stand in the file.
    """
    text, path = source_text(document_id), SAMPLES / documents()[document_id]["path"]
    if path.suffix in {".csv", ".json", ".eml"}:
        text += " " + collapsed(path.read_text())
        parts = [part for line in quote.splitlines() for part in _name_and_value(line)]
    else:
        parts = quote.split(" | ") if path.suffix in {".html", ".docx"} else [quote]
    return all(_has(collapsed(part), text) for part in parts if part.strip())


def _name_and_value(line: str) -> list[str]:
    name, colon, value = line.partition(": ")
    return [name.rpartition("].")[2], value] if colon else [line]


def _has(part: str, text: str) -> bool:
    pieces = [re.escape(each.strip()) for each in _MASK.split(part)]
    return re.search(r"\s*.{1,400}?\s*".join(pieces), text) is not None


def folder_with(entry: dict[str, Any], target: Path) -> Path:
    """A folder to publish that has just this entry of the manifest."""
    path = SAMPLES / entry["path"]
    target.mkdir(parents=True)
    shutil.copy(path, target / path.name)
    (target / "manifest.yaml").write_text(yaml.safe_dump({"documents": [{**entry, "path": path.name}]}))
    return target
