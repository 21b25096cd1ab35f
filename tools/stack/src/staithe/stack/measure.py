"""Measures each process of the stack: memory from the system, lag and counts from its own metrics."""

from typing import Any

import psutil

from staithe.kernel.telemetry import metric_sums
from staithe.kernel.topology import Topology
from staithe.stack.ports import StackPorts
from staithe.stack.services import health_page

MIB = 1 << 20
HALTED = "halted"
FLOOD_NOTE = (
    "{name} has stopped taking records: too many dead letters in a minute (DEAD_LETTER_FLOOD). "
    "`staithe dlq list` shows why; mend the cause, then `kill {pid}`: it starts again where it stopped, "
    "and `staithe dlq replay` sends the letters"
)


def measure(processes: dict[str, dict[str, Any]], topology: Topology, ports: StackPorts) -> list[dict[str, Any]]:
    """One row for each of `processes` (name → pid and state), with what can be measured now."""
    rows = []
    for name, each in processes.items():
        row: dict[str, Any] = {"process": name, **each}
        row["memory_mib"] = memory_mib(each.get("pid"))
        if name in topology.services:
            row |= counts(name, ports.of(f"{name}_health"))
            if row.pop("flood", 0):
                row |= {"state": HALTED, "note": FLOOD_NOTE.format(name=name, pid=each.get("pid"))}
        rows.append(row)
    return rows


def memory_mib(pid: int | None) -> int | None:
    """Resident memory of a process and its children in MiB; None when it has gone."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(each.memory_info().rss for each in family) // MIB
    except psutil.Error:
        return None


def counts(service: str, health_port: int) -> dict[str, int]:
    """Lag, processed records and dead letters from a service's metrics; empty when it does not answer."""
    status, page = health_page(health_port, "/metrics")
    if status != 200:
        return {}
    sums = metric_sums(page)
    names = {"lag": "lag_records", "processed": "records_total", "dead_letters": "dead_letters_total"}
    names["flood"] = "dead_letter_flood"
    return {
        key: int(sums[f"staithe_{service}_{name}"])
        for key, name in names.items()
        if f"staithe_{service}_{name}" in sums
    }
