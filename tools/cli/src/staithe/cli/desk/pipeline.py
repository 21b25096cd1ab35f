"""The pipeline as it is now: each process with its state, what waits before it, and how fast it goes."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from staithe.cli.desk.frame import notice, page
from staithe.cli.desk.markup import NOTHING, Html, element, joined, table
from staithe.cli.local import LocalStack
from staithe.kernel.errors import ConfigurationError
from staithe.stack.measure import measure
from staithe.stack.processes import is_alive

PATH: Final = "/"
STAGES: Final = ("ingestion", "sanitization", "embedding", "indexing")
BESIDE: Final = ("audit", "query", "keys", "milvus", "broker", "registry", "issuer")
_BOX: Final = (174, 92)
_GAP: Final = 40
_NARROW: Final = 108
_EDGE: Final = 6
_PICTURE: Final = "Records flow from ingestion to sanitization, embedding and indexing; the services below serve them."
Row = Mapping[str, Any]


class Pipeline:
    """Measures, and remembers the measurement before, because a rate needs two. For one thread at a time."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._before: tuple[float, dict[str, int]] | None = None
        self._rates: dict[str, float] = {}

    def rows(self) -> list[dict[str, Any]]:
        """One row a process, with its rate in records a second since the last time; none when no stack runs."""
        try:
            state = json.loads(self._stack.paths.state.read_text())
        except (OSError, ValueError):
            return []
        if not is_alive(state["supervisor_pid"]):
            return []
        rows = measure(state["processes"], self._stack.topology, self._stack.ports)
        now, counts = time.monotonic(), {row["process"]: row["processed"] for row in rows if "processed" in row}
        if self._before is not None and now > self._before[0]:
            then, before = self._before
            self._rates = {name: max(0, counts[name] - before.get(name, 0)) / (now - then) for name in counts}
        self._before = now, counts
        return [{**row, "rate": self._rates.get(row["process"])} for row in rows]

    def show(self) -> str:
        """The page."""
        rows = self.rows()
        if not rows:
            return page("Pipeline", PATH, notice("No stack is running here: `staithe up` starts one.", bad=True))
        cells = dict(figures(rows))
        content = [
            element("p", _PICTURE, class_="soft"), _picture(rows, cells),
            element(
                "p", element("button", "Pause", id="pause", type="button", class_="plain", hidden=True), " ",
                element("span", _now(), id="freshness", class_="soft"),
            ),
            *(notice(row["note"], bad=True) for row in rows if row.get("note")),
            table(
                "Processes", ("process", "state", "lag", "records/s", "records", "dead letters", "memory", "restarts"),
                (_line(row, cells) for row in rows), empty="",
            ),
        ]  # fmt: skip
        return page("Pipeline", PATH, *content, script="/live.js")

    def fresh(self) -> dict[str, Any]:
        """The same figures as text, by the ids of their places."""
        rows = self.rows()
        if not rows:
            raise ConfigurationError("no stack is running here", reason_code="STACK_DOWN")
        states = {row["process"]: _class(row) for row in rows}
        return {"at": _now().removeprefix("as of "), "figures": dict(figures(rows)), "states": states}


def figures(rows: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The text of each place that changes, by its id."""
    for row in rows:
        name = row["process"]
        lag, rate = row.get("lag"), row.get("rate")
        texts = {
            "state": str(row["state"]), "lag": NOTHING if lag is None else f"{lag:,}",
            "rate": NOTHING if rate is None else f"{rate:,.1f}", "done": _number(row.get("processed")),
            "dead": _number(row.get("dead_letters")), "memory": _number(row.get("memory_mib"), " MiB"),
            "restarts": _number(row.get("restarts")),
        }  # fmt: skip
        for what, text in texts.items():
            yield f"{what}-{name}", text
        waiting = "" if lag is None else f"lag {lag:,}"
        speed = "" if rate is None else f"{rate:,.1f} records/s"
        yield f"picture-state-{name}", texts["state"]
        yield f"picture-lag-{name}", waiting or texts["memory"]
        yield f"picture-rate-{name}", speed


def _line(row: Row, cells: Mapping[str, str]) -> list[Html]:
    name = row["process"]
    columns = ("state", "lag", "rate", "done", "dead", "memory", "restarts")
    places = (element("span", cells[f"{each}-{name}"], id=f"{each}-{name}") for each in columns)
    return [element("strong", name), *places]


def _picture(rows: list[dict[str, Any]], cells: Mapping[str, str]) -> Html:
    known = {row["process"]: row for row in rows}
    width, height = _BOX
    shapes: list[Html] = []
    for place, name in enumerate(STAGES):
        left = _EDGE + place * (width + _GAP)
        shapes.append(_box(known.get(name, {"process": name, "state": "stopped"}), cells, left, _EDGE, width))
        if place:
            y = _EDGE + height // 2
            shapes.append(element("path", d=f"M{left - _GAP + 4} {y} H{left - 8}"))
            shapes.append(
                element("path", d=f"M{left - 10} {y - 5} L{left - 2} {y} L{left - 10} {y + 5} Z", class_="tip")
            )
    for place, name in enumerate(each for each in BESIDE if each in known):
        shapes.append(_box(known[name], cells, _EDGE + place * (_NARROW + 10), _EDGE + height + 34, _NARROW))
    return element(
        "svg", element("title", _PICTURE), *shapes, class_="flow", viewBox="0 0 830 232", role="img",
        aria_label=_PICTURE,
    )  # fmt: skip


def _box(row: Row, cells: Mapping[str, str], left: int, top: int, width: int) -> Html:
    name = row["process"]
    x = str(left + 10)
    texts = [element("text", name, x=x, y=str(top + 24), class_="label")]
    for line, what in enumerate(("picture-state", "picture-lag", "picture-rate")):
        key = f"{what}-{name}"
        texts.append(element("text", cells.get(key, ""), x=x, y=str(top + 44 + 19 * line), class_="figure", id=key))
    box = element("rect", x=str(left), y=str(top), width=str(width), height=str(_BOX[1]), rx="8")
    return element("g", joined(box, *texts), id=f"box-{name}", class_=_class(row))


def _class(row: Row) -> str:
    return "ready" if row["state"] == "ready" else "unwell"


def _number(value: object, unit: str = "") -> str:
    return NOTHING if not isinstance(value, int) else f"{value:,}{unit}"


def _now() -> str:
    return f"as of {datetime.now(UTC):%H:%M:%S} UTC"
