"""Fuzzes the sanitization engine with atheris: whatever the text, it is settled, and what was found is gone.

make fuzz-sanitization RUNS=1000000
"""

import sys

import atheris

with atheris.instrument_imports(include=["staithe.sanitization"]):
    from staithe.kernel.errors import StaitheError
    from staithe.sanitization.build import MASK_EVERYTHING
    from staithe.sanitization.detect import Detector
    from staithe.sanitization.engine import DetectionFailed, Engine
    from staithe.sanitization.instructions import injection_score
    from staithe.sanitization.policy import DocumentLabels
    from staithe.sanitization.pseudonyms import PseudonymKeys

ENGINE = Engine(
    MASK_EVERYTHING, detector=Detector(names="--names" in sys.argv), injection_score=injection_score,
    pseudonyms=PseudonymKeys(b"f" * 32),
)  # fmt: skip
LABELS = DocumentLabels("harbour")


def one_input(content: bytes) -> None:
    """Any text: UTF-8 as far as it is, so that the fuzzer reaches every alphabet."""
    text = content.decode(errors="replace")
    try:
        safe = ENGINE.sanitize(text, LABELS)
    except DetectionFailed:
        raise  # a detector broke: that is a crash
    except StaitheError:
        return
    end = 0
    for each in safe.findings:
        assert end <= each.start < each.end <= len(text), "spans are in order and inside the original"
        end = each.end
        assert len(each.value) < 3 or not _stands_alone(each.value, safe.text), "a found value is gone"


def _stands_alone(value: str, text: str) -> bool:
    """Whether `value` stands in `text` as a word of its own and not inside a mask."""
    start = text.find(value)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(value) : start + len(value) + 1]
        inside = "[" in text[:start] and "]" not in text[text.rfind("[", 0, start) : start]
        if not (before.isalnum() or after.isalnum() or inside):
            return True
        start = text.find(value, start + 1)
    return False


if __name__ == "__main__":
    atheris.Setup([each for each in sys.argv if each != "--names"], one_input)
    atheris.Fuzz()
