"""The error tree: the class decides the fate, the code is stable, the message holds no content."""

import pytest

from staithe.kernel.errors import (
    AccessDenied,
    ConfigurationError,
    Erased,
    Integrity,
    InvalidEvent,
    StaitheError,
    Unavailable,
)

FATES = (InvalidEvent, Erased, Unavailable, AccessDenied, Integrity, ConfigurationError)


def test_fates_exclude_each_other() -> None:
    for one in FATES:
        assert issubclass(one, StaitheError)
        assert not any(issubclass(one, other) for other in FATES if other is not one)


@pytest.mark.parametrize("fate", FATES)
def test_every_fate_has_a_code_of_its_own(fate: type[StaitheError]) -> None:
    assert fate("place").reason_code == fate.default_reason_code
    assert len({each.default_reason_code for each in FATES}) == len(FATES)


def test_text_is_code_and_place() -> None:
    assert str(InvalidEvent("topic/0/7", reason_code="FRAME_MISSING")) == "FRAME_MISSING: topic/0/7"


@pytest.mark.parametrize("code", ["lower", "A", "1A", "A-B", "A B", "A\n", "Ä_X", "A" * 65, "A_é", "_A"])
def test_code_of_another_form_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="UPPER_SNAKE"):
        StaitheError("place", reason_code=code)


def test_longest_code_is_accepted() -> None:
    assert StaitheError("place", reason_code="A" * 64).reason_code == "A" * 64
