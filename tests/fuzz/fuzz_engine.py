"""Fuzzes the sanitization engine with atheris: whatever the text, it is settled, and what was found is gone.

make fuzz-sanitization RUNS=1000000
"""

import sys

import atheris

with atheris.instrument_imports(include=["staithe.sanitization"]):
    from staithe.kernel.errors import StaitheError
    from staithe.sanitization.build import MASK_EVERYTHING
    from staithe.sanitization.detect import Detector
    from staithe.sanitization.detect.injection import InjectionScorer
    from staithe.sanitization.echoes import WHOLE_WORD_BELOW
    from staithe.sanitization.engine import ECHO_DETECTOR, DetectionFailed, Engine
    from staithe.sanitization.policy import DocumentLabels
    from staithe.sanitization.pseudonyms import PseudonymKeys

ENGINE = Engine(
    MASK_EVERYTHING, detector=Detector(names="--names" in sys.argv), injection_score=InjectionScorer().score,
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
        # Shorter ones go where they are words of their own, which masks beside them can make them; and of an echo that
        # meets a finding a piece is left, which says nothing by itself.
        short = sum(map(str.isalnum, each.value)) < WHOLE_WORD_BELOW or each.detector == ECHO_DETECTOR
        assert short or each.value not in safe.text, "a found value is gone"


if __name__ == "__main__":
    atheris.Setup([each for each in sys.argv if each != "--names"], one_input)
    atheris.Fuzz()
