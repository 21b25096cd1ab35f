"""Fuzzes the parsers behind their boundary with atheris: whatever the bytes, a document or a reason, nothing else.

The first byte chooses the declared type. The parsers run in this process, without their sandbox: its limits are tested
elsewhere, and here a crash must be seen.

    make fuzz-sanitization RUNS=1000000
"""

import sys

import atheris

with atheris.instrument_imports(include=["staithe.ingestion.parsers"]):
    from staithe.ingestion.parsers.document import is_clean
    from staithe.ingestion.parsers.parse import parse_document
    from staithe.ingestion.parsers.reasons import REASONS
    from staithe.ingestion.parsers.sniff import SUPPORTED
    from staithe.kernel.errors import InvalidEvent

TYPES = sorted(SUPPORTED)


def one_input(content: bytes) -> None:
    """A document or a reason code of the list."""
    declared = TYPES[content[0] % len(TYPES)] if content else TYPES[0]
    try:
        parsed = parse_document(content[1:], declared)
    except InvalidEvent as refusal:
        if refusal.reason_code not in REASONS:
            raise
        return
    assert parsed.text
    assert is_clean(parsed.text)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
