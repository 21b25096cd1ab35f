"""Looks for credentials in every file of the repository, with the product's own detectors; exit 1 when there is one.

    python tools/dev/secret_scan.py [--accept]

Samples and tests hold planted ones: `planted.txt` has the SHA-256 of each value that may be there, wherever it stands.
`--accept` writes what there is now into it; look at the difference before you commit it. What is printed is file,
line and digest, never the value. Only text files are read, and only as they are now: history is not looked at.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.sanitization.detect import Detector

ROOT: Final = Path(__file__).resolve().parents[2]
PLANTED: Final = Path(__file__).with_name("planted.txt")
ENTITIES: Final = frozenset({"SECRET", "PRIVATE_KEY"})
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""A larger text file is refused: it could not be looked through in the time of a check."""


@dataclass(frozen=True)
class Found:
    """A credential, told by place and digest."""

    path: str
    line: int
    entity: str
    digest: str


def tracked(root: Path) -> list[str]:
    """Every file git knows or would take in."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted(path for path in listed.split("\0") if path and (root / path).is_file())


def look(root: Path) -> Iterator[Found]:
    """Every credential in the tree; raises StaitheError when a detector gives up, ValueError for a file too large."""
    detector = Detector()
    for path in tracked(root):
        if (root / path).stat().st_size > FILE_BYTES_MAX:
            raise ValueError(f"{path} is larger than {FILE_BYTES_MAX} bytes: nobody would find a credential in it")
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # no text
        for each in detector.find(text):
            if each.entity in ENTITIES:
                digest = hashlib.sha256(text[each.start : each.end].encode()).hexdigest()
                yield Found(path, text.count("\n", 0, each.start) + 1, each.entity, digest)


def main() -> int:
    """Look, and say what is not planted."""
    planted = {line.split()[0] for line in PLANTED.read_text().splitlines() if line and not line.startswith("#")}
    found = list(look(ROOT))
    if "--accept" in sys.argv[1:]:
        head = "# SHA-256 of each credential planted in samples and tests, and where it was seen first: secret_scan.py"
        first = {each.digest: each for each in reversed(found)}
        lines = [
            f"{each.digest}  {each.path}" for each in sorted(first.values(), key=lambda each: (each.path, each.line))
        ]
        PLANTED.write_text("\n".join([head, *lines]) + "\n")
        return 0
    strange = [each for each in found if each.digest not in planted]
    for each in strange:
        sys.stdout.write(
            f"{each.path}:{each.line}: {each.entity} {each.digest[:12]}: take it out, and change it where it is used\n"
        )
    return 1 if strange else 0


if __name__ == "__main__":
    raise SystemExit(main())
