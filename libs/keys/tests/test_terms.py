"""The services' way to the tenants' term keys: few requests, short memories, refusals in their class."""

import pytest
from keys_samples import FakeClock

from staithe.kernel.errors import InvalidEvent, Unavailable
from staithe.kernel.vocabulary import TenantId
from staithe.keys import wire
from staithe.keys.client.terms import TermKeys
from staithe.keys.limits import TERM_KEY_SECONDS_MAX

HARBOUR = TenantId("harbour")


class FakeSource:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    def term_key(self, tenant_id: str) -> wire.TermKey:
        self.asked.append(tenant_id)
        if self.down:
            raise Unavailable("the key service does not answer", reason_code="KEYS_UNAVAILABLE")
        if tenant_id != HARBOUR:
            return wire.TermKey(refused=wire.UNKNOWN_TENANT)
        return wire.TermKey(term_key="ab" * 32)


def test_key_is_asked_for_once_and_again_after_a_while() -> None:
    source, clock = FakeSource(), FakeClock()
    keys = TermKeys(source, clock)
    assert [keys.key(HARBOUR) for _ in range(3)] == [b"\xab" * 32] * 3
    assert source.asked == ["harbour"]
    clock.seconds = TERM_KEY_SECONDS_MAX + 1
    keys.key(HARBOUR)
    assert source.asked == ["harbour"] * 2


def test_stranger_is_refused_each_time_and_not_named() -> None:
    source = FakeSource()
    keys = TermKeys(source, FakeClock())
    for _ in range(2):
        with pytest.raises(InvalidEvent) as refusal:
            keys.key(TenantId("stranger"))
        assert refusal.value.reason_code == wire.UNKNOWN_TENANT
        assert "stranger" not in str(refusal.value)
    assert len(source.asked) == 2


def test_service_that_is_down_is_unavailable_and_recovers() -> None:
    source = FakeSource()
    source.down = True
    keys = TermKeys(source, FakeClock())
    with pytest.raises(Unavailable):
        keys.key(HARBOUR)
    source.down = False
    assert keys.key(HARBOUR) == b"\xab" * 32
