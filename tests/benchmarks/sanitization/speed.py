"""Texts to measure speed on: ordinary documents of 2 KB, and look-alikes without end."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DOCUMENT_CHARACTERS: Final = 2_000
HOSTILE_CHARACTERS: Final = 256 * 1024
HOSTILE: Final = (
    "1111 1111 1111 1112 ", "4111 1111 1111 1112 ", "4111 4111 4111 ", "0 0 0 0 0 0 0 ", "(1(1(1(1", "+1 ", "0-", "12 ",
    "123-45-", "850730-1234 ", "12345678A ", "GB00 AAAA BBBB CCCC ", "AA00AAAA", "a@", "a.a.a@", "a" * 64 + "@", "::", ":a",
    "1.1.1.1.", "12/12/12", "http://", "www.", "x://a:", "eyJ-", "eyJaaaaaaaaaa.eyJ", "-----BEGIN A ", "AKIA", "password=",
    "-----BEGIN PRIVATE KEY-----", "key token secret ", "P<", "phone 1234567 ", "+49 30 1234567 ", "street ", "\u0660",
)  # fmt: skip
"""Each repeated to the end: floods of digits, nested look-alikes, what makes backtracking engines explode."""


def joined(texts: Sequence[str]) -> list[str]:
    """Short texts put together to documents of 2 KB."""
    documents, parts, size = [], [], 0
    for text in texts:
        parts.append(text)
        size += len(text) + 1
        if size >= DOCUMENT_CHARACTERS:
            documents.append("\n".join(parts))
            parts, size = [], 0
    return documents


def ordinary(repository: Path) -> list[str]:
    """The sample documents that are text, and this repository's pages, cut to 2 KB."""
    paths = [*sorted((repository / "samples").rglob("*.*")), *sorted((repository / "docs").glob("*.md"))]
    texts = [path.read_text() for path in paths if path.suffix in {".md", ".txt", ".csv", ".json", ".eml", ".html"}]
    cut = range(0, max(map(len, texts)), DOCUMENT_CHARACTERS)
    return [part for text in texts for start in cut if (part := text[start : start + DOCUMENT_CHARACTERS])]


def hostile() -> list[str]:
    """Every look-alike to its end, and rows of chance digits and letters."""
    chance = random.Random(3)  # noqa: S311 - a test's texts
    texts = [(each * (HOSTILE_CHARACTERS // len(each) + 1))[:HOSTILE_CHARACTERS] for each in HOSTILE]
    alphabets = ("0123456789 ", "0123456789 -.()+/", "abcXYZ0123456789 ")
    texts += ["".join(chance.choices(alphabet, k=HOSTILE_CHARACTERS)) for alphabet in alphabets]
    texts.append(" ".join(f"4{chance.randrange(10**15):015d}" for _ in range(HOSTILE_CHARACTERS // 17)))
    return texts
