"""Ports: fixed offsets, and a busy one is named with its holder."""

import os
import socket
from collections.abc import Iterator

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.stack.ports import BASE_SETTING, StackPorts, is_free, refuse_busy


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_offsets_are_the_documented_ones() -> None:
    ports = StackPorts(24100)
    assert (ports.of("kafka_client"), ports.of("registry"), ports.of("milvus")) == (24100, 24103, 24105)
    assert (ports.of("issuer"), ports.of("ingestion"), ports.of("query"), ports.of("query_health")) == (
        24110,
        24111,
        24112,
        24125,
    )


def test_no_two_ports_are_the_same() -> None:
    ports = StackPorts()
    every = [*ports.named.values(), *ports.milvus_internal]
    assert len(every) == len(set(every))


def test_busy_port_is_refused_naming_port_process_and_setting(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(ConfigurationError) as refusal:
        refuse_busy({"registry": port})
    assert refusal.value.reason_code == "PORT_BUSY"
    assert f"port {port} for registry" in refusal.value.message
    assert f"pid {os.getpid()}" in refusal.value.message
    assert BASE_SETTING in refusal.value.message
    assert "\n" not in refusal.value.message


def test_free_ports_are_accepted(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert is_free(port)
    refuse_busy({"registry": port})


@pytest.mark.parametrize("text", ["", "abc", "-1", "24100.0", "٢٤١٠٠", "80", "65530", "99999999"])
def test_base_that_is_no_usable_port_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=BASE_SETTING):
        StackPorts.from_environment({BASE_SETTING: text})


def test_base_comes_from_the_environment_or_the_default() -> None:
    assert StackPorts.from_environment({}).base == 24100
    assert StackPorts.from_environment({BASE_SETTING: "48000"}).base == 48000
