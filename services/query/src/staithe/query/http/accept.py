"""Chooses a response's media type by the Accept header (RFC 9110, section 12.5.1)."""

from typing import Final

from aiohttp import web

from staithe.kernel.problems import Problem

JSON: Final = "application/json"
TEXT: Final = "text/plain"
PROBLEM: Final = "application/problem+json"
EVENTS: Final = "text/event-stream"


def require_accepts(request: web.Request, media_type: str) -> None:
    """Return when the caller takes `media_type`; raise Problem 406 otherwise."""
    if not _quality(request, media_type):
        raise Problem(406, "not-acceptable", f"This answer comes as {media_type} only.")


def wants_events(request: web.Request) -> bool:
    """Whether to answer as a stream of events rather than as JSON; raises Problem 406 when the caller takes neither.

    Who takes both alike, as a header without preference does, gets JSON.
    """
    as_events, as_json = _quality(request, EVENTS), _quality(request, JSON)
    if not as_events and not as_json:
        raise Problem(406, "not-acceptable", f"This answer comes as {JSON} or {EVENTS} only.")
    return as_events > as_json


def _quality(request: web.Request, media_type: str) -> float:
    """The weight of `media_type`, 0 to 1: that of the most specific range that matches; zero refuses."""
    header = ",".join(request.headers.getall("Accept", []))
    if not header.strip():
        return 1.0
    family = media_type.partition("/")[0]
    rank = {media_type: 3, f"{family}/*": 2, "*/*": 1}
    best, quality = 0, 0.0
    for each in header.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        if rank.get(name, 0) > best:
            best, quality = rank[name], min((_weight(parameter) for parameter in parameters), default=1.0)
    return quality


def _weight(parameter: str) -> float:
    """The weight that a range's parameter gives it: 1 when it is no weight, or none that can be read."""
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 1.0 if value.strip() else 0.0
    return min(max(weight, 0.0), 1.0) if weight == weight else 0.0  # noqa: PLR0124 - not a number
