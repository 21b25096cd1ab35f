"""Batches of a slow stage become short, and those of a fast one stay large."""

import pytest

from staithe.kernel.stream.pace import BATCH_RECORDS_MIN, BATCH_SECONDS_TARGET, Pace


@pytest.mark.parametrize("per_second", [12, 20, 63])
def test_batches_come_to_take_the_target_time(per_second: int) -> None:
    pace = Pace(64)
    for _ in range(10):
        pace.took(pace.records, pace.records / per_second)
    assert pace.records / per_second == pytest.approx(BATCH_SECONDS_TARGET, rel=0.1)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0])
def test_fast_stage_takes_as_many_as_it_may(seconds: float) -> None:
    pace = Pace(64)
    pace.took(64, seconds)
    assert pace.records == 64


def test_very_slow_stage_still_takes_a_few() -> None:
    pace = Pace(64)
    pace.took(64, 600.0)
    assert pace.records == BATCH_RECORDS_MIN
    single = Pace(1)
    single.took(1, 600.0)
    assert single.records == 1, "no more than the stage may take"


def test_one_easy_batch_does_not_undo_what_was_learnt() -> None:
    pace = Pace(64)
    pace.took(64, 8.0)
    pace.took(8, 0.1)
    assert pace.records == 2 * BATCH_RECORDS_MIN
    for _ in range(3):
        pace.took(pace.records, 0.01)
    assert pace.records == 64
