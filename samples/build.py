"""Builds the sample PDF and DOCX files from samples/sources/ (`x/y.pdf.md` becomes `x/y.pdf`).

python samples/build.py            write what is missing or stale
python samples/build.py --check    write nothing; exit 1 when a committed file is stale or has no source
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from docx_writer import write_docx
from markdown_blocks import parse, plain
from pdf_writer import write_pdf

HERE = Path(__file__).resolve().parent
WRITERS = {".pdf": write_pdf, ".docx": write_docx}


def out(line: str) -> None:
    """Print one line."""
    sys.stdout.write(line + "\n")


def built_files(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield each target below root and the bytes that it should hold."""
    for source in sorted((root / "sources").rglob("*.md")):
        target = root / source.relative_to(root / "sources").with_suffix("")
        blocks = parse(source.read_text(encoding="utf-8"))
        yield target, WRITERS[target.suffix](plain(blocks[0].text), blocks)


def stale_files(root: Path) -> list[Path]:
    """Return the PDF and DOCX files below root that differ from their source, are missing, or have no source."""
    wanted = dict(built_files(root))
    differing = [path for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content]
    present = [path for suffix in WRITERS for path in root.rglob(f"*{suffix}")]
    return sorted([*differing, *(path for path in present if path not in wanted)])


def main() -> int:
    """Build or check; the return value is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file is stale")
    if parser.parse_args().check:
        stale = stale_files(HERE)
        for path in stale:
            out(f"stale: samples/{path.relative_to(HERE)} (run: python samples/build.py)")
        return 1 if stale else 0
    for target, content in built_files(HERE):
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            out(f"written: samples/{target.relative_to(HERE)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
