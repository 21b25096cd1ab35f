"""Hostile records against the decoder in a process of its own, with little memory and little time."""

import subprocess
import sys
from pathlib import Path

import hostile_decoding
import pytest
from kernel_samples import SCHEMAS

SECONDS_MAX = 250
HARMLESS = {
    "enum of a symbol that is not there": {"DECODED"},
    "groups of eight million": {"DECODED"},
    "map of eight million entries": {"DECODED"},
    "two to the thirty empty records": {"SCHEMA_REFUSED"},
    "empty type behind another namespace": {"SCHEMA_REFUSED"},
    "fixed of minus one byte, by the million": {"SCHEMA_REFUSED"},
}
"""What each must print; all others must not decode."""


@pytest.mark.parametrize("case", hostile_decoding.CASES)
def test_hostile_record_is_settled_in_bounded_memory_and_time(case: str) -> None:
    done = subprocess.run(
        [sys.executable, hostile_decoding.__file__, case, str(SCHEMAS / "documents/submitted.v1.avsc")],
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in HARMLESS.get(case, {"EVENT_UNDECODABLE"})


def test_every_expectation_is_of_a_case() -> None:
    assert HARMLESS.keys() <= hostile_decoding.CASES.keys()
    assert Path(hostile_decoding.__file__).is_file()
