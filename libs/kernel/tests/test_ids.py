"""UUID version 7: version, variant, time order, no repeats."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from staithe.kernel.clock import SystemClock
from staithe.kernel.ids import new_event_id
from staithe.kernel.version import code_version

MS = st.integers(0, (1 << 48) - 1)


@given(MS)
def test_version_variant_and_time_are_those_of_rfc_9562(now_ms: int) -> None:
    made = uuid.UUID(new_event_id(now_ms))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_ms


@given(MS, MS)
def test_ids_sort_by_time(one: int, other: int) -> None:
    if one < other:
        assert new_event_id(one) < new_event_id(other)


def test_ids_of_one_millisecond_never_repeat() -> None:
    assert len({new_event_id(5) for _ in range(10_000)}) == 10_000


def test_all_random_bits_vary() -> None:
    seen_one = seen_zero = 0
    for _ in range(200):
        bits = uuid.UUID(new_event_id(0)).int
        seen_one |= bits
        seen_zero |= ~bits
    random_bits = ((1 << 12) - 1) << 64 | ((1 << 62) - 1)
    assert seen_one & random_bits == random_bits
    assert seen_zero & random_bits == random_bits


def test_system_clock_counts_milliseconds_and_never_runs_backwards() -> None:
    clock = SystemClock()
    assert 1_700_000_000_000 < clock.now_ms() < 10_000_000_000_000
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_code_version_names_service_and_distribution() -> None:
    service, _, version = code_version("kernel").partition("/")
    assert service == "kernel"
    assert version[0].isdigit()
